"""The benchmark's report. It begins with the thresholds, and has ratios before absolute figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct
from rich import box
from rich.console import Console
from rich.table import Table

from load_tests.decide_load import AppLoad, EchoComparison, PacedLoad
from load_tests.idle_policies import WORKERS, IdlePolicies
from load_tests.learning import LearningComparison
from load_tests.many_profiles import ManyProfiles
from load_tests.open_decisions import OpenDecisionBytes
from load_tests.stored_sizes import ByteSizes
from load_tests.targeting import TargetingCosts
from load_tests.time_breakdown import TimeBreakdown


class BenchResults(Struct, frozen=True):
    """All measurements. `cores` and `model` describe the conditions."""

    cores: str
    model: str
    comparison: EchoComparison
    paced: Sequence[PacedLoad]
    anatomy: TimeBreakdown
    targeted_requests: TargetingCosts
    targeted_calls: TargetingCosts
    learning: LearningComparison
    profile: ByteSizes
    open_decisions: OpenDecisionBytes
    idle: IdlePolicies
    profiles: ManyProfiles | None


class Threshold(Struct, frozen=True):
    """A limit for a figure. The median of `found`, which has one value per round, must meet it.

    If a `strict` threshold is missed, the benchmark fails.
    """

    what: str
    found: Sequence[float]
    limit: float
    aims: Sequence[float] = ()
    at_least: bool = False
    strict: bool = True
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return self.reaches(self.limit)

    def reaches(self, number: float) -> bool:
        found = median(self.found)
        return found >= number if self.at_least else found <= number


def thresholds(results: BenchResults) -> list[Threshold]:
    """All thresholds.

    Latencies and times are not strict, because they depend on the other processes of the machine. The cost of a full
    profile is not strict because its threshold is not met yet.
    """
    requests, calls = results.targeted_requests, results.targeted_calls
    p99 = {paced.candidates: paced.p99 for paced in results.paced}
    return [
        Threshold(
            "decide / echo, requests a second of a core", results.comparison.ratios, 0.25, (0.30, 0.50), at_least=True
        ),
        Threshold("fold / bare loop, events a second of a core", results.learning.ratios, 0.5, (0.6,), at_least=True),
        Threshold("fold of `auto` / bare loop, time", results.learning.costs, 5, (4,)),
        Threshold("20 conditions, 10 segments / none, in the endpoint", calls.conditions, 1.25),
        Threshold("these, full profile / none, in the endpoint", calls.all_in, 1.25, strict=False),
        Threshold("these, full profile / none, whole requests", requests.all_in, 1.25, strict=False),
        Threshold("a decision in the log, 20 actions", [results.comparison.entry.stored], 500, unit=" bytes"),
        Threshold("an open decision in the learner, 20 actions", [results.open_decisions.seen], 600, unit=" bytes"),
        Threshold("an idle policy in the learner", [results.idle.learner], 0.5, unit=" MB"),
        Threshold("an idle policy in a web worker", [results.idle.worker], 0.1, unit=" MB"),
        Threshold(f"all processes, {_server(results.idle)}", [results.idle.total], 400, unit=" MB"),
        Threshold(f"start, {_server(results.idle)}", [results.idle.start], 5, strict=False, unit=" s"),
        Threshold("a visitor's profile in the store", [results.profile.stored], 1024, unit=" bytes"),
        Threshold("p99 at half of saturation, 100 actions", p99[100], 10, strict=False, unit=" ms"),
        Threshold("p99 at half of saturation, 1,000 actions", p99[1000], 25, strict=False, unit=" ms"),
    ]


def show(results: BenchResults, console: Console) -> None:
    """Print everything."""
    for table in (
        _thresholds(thresholds(results)),
        _saturated(results.comparison),
        _paced(results.paced),
        _targeting(results),
        _learning(results.learning),
        _bytes(results),
        *([] if results.profiles is None else [_many_profiles(results.profiles)]),
        _time_breakdown(results),
    ):
        console.print(table)
    console.print(f"{results.model} {results.cores}", style="dim")


def _thresholds(rows: Iterable[Threshold]) -> Table:
    table = _table("Thresholds (median of the rounds)", "", "found", "min .. max", "limit", "aim", "")
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        verdict = "[green]met[/]" if row.is_met else "[bold red]MISSED[/]" if row.strict else "[yellow]missed[/]"
        table.add_row(
            row.what,
            _number(median(row.found)) + row.unit,
            _range(row.found) if len(row.found) > 1 else "",
            f"{sign} {row.limit:g}",
            ", ".join(f"{aim:g}" + (" reached" if row.reaches(aim) else "") for aim in row.aims),
            verdict,
        )
    return table


def _saturated(comparison: EchoComparison) -> Table:
    title = f"At saturation, 20 actions ({comparison.answered:,} decisions acknowledged and in the log)"
    table = _table(title, "", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "worker busy", "core held by others")
    for name, load in (("echo (bare Starlette)", comparison.echo), ("decide", comparison.decide)):
        table.add_row(name, *_load(load))
    by_the_clock = comparison.by_the_clock
    table.caption = (
        "The threshold applies to requests per second of the worker's own CPU time. In wall-clock time, which includes "
        f"other processes on the core, the ratio is {_number(median(by_the_clock))} ({_range(by_the_clock)})."
    )
    return table


def _load(load: AppLoad) -> list[str]:
    shares = [f"{share:.0%}" for share in (load.busy, load.stolen)]
    return [_number(load.rate), _number(load.p50), _number(load.p99), _number(load.cpu), *shares]


def _paced(rows: Iterable[PacedLoad]) -> Table:
    table = _table("Decide at half of saturation", "actions", "saturation/s", "p50 ms", "p99 ms", "min .. max")
    for row in rows:
        middle = [_number(median(values)) for values in (row.saturation, row.p50, row.p99)]
        table.add_row(f"{row.candidates:,}", *middle, _range(row.p99))
    table.caption = "Requests are sent at a fixed rate. A latency counts from the scheduled time of its request."
    return table


def _targeting(results: BenchResults) -> Table:
    columns = ("no profile", "full profile", "and conditions, segments")
    table = _table("Cost of targeting, 20 actions: µs of CPU", "", *columns)
    for name, costs in (("a request", results.targeted_requests), ("endpoint only", results.targeted_calls)):
        table.add_row(name, *(f"{cost:.1f}" for cost in (costs.bare, costs.profiled, costs.targeted)))
    return table


def _learning(learning: LearningComparison) -> Table:
    table = _table("Learning, 20 actions", "", "events/s of CPU", "µs/event")
    rates = {
        "bare vowpal-wabbit-next, parse and learn": learning.bare,
        "fold of `squarecb`": learning.fold,
        "fold of `auto`": learning.auto,
    }
    for name, rate in rates.items():
        table.add_row(name, _number(rate), _number(1e6 / rate))
    table.caption = f"{learning.events:,} events a round. The first two produce the same model, byte for byte."
    return table


def _bytes(results: BenchResults) -> Table:
    table = _table("Bytes", "", "encoded", "in memory")
    for name, size in (("a decision in the log", results.comparison.entry), ("a visitor's profile", results.profile)):
        table.add_row(name, _number(size.encoded), _number(size.stored))
    opened = results.open_decisions
    for name, held in (("an open decision before its impression", opened.unseen), ("after it", opened.seen)):
        table.add_row(f"{name}, in the learner", _number(opened.logged), _number(held))
    return table


def _many_profiles(many: ManyProfiles) -> Table:
    title = f"A server with {many.count:,} profiles"
    table = _table(title, "", "bytes of a profile", "in the store", "start s", "store MB", "workers MB", "learner MB")
    row = (many.encoded, many.profile, many.start, many.store, many.workers, many.learner)
    table.add_row("two workers, one policy", *map(_number, row))
    return table


def _time_breakdown(results: BenchResults) -> Table:
    whole = results.comparison.decide.cpu
    table = _table("Time of a decide call", "", "µs", "share")
    for step in sorted(results.anatomy.steps, key=lambda step: -step.microseconds):
        table.add_row(step.name, f"{step.microseconds:.1f}", f"{step.microseconds / whole:.0%}")
    outside = whole - results.anatomy.endpoint
    table.add_row(
        "outside of the endpoint: server, sockets, ASGI, cold caches", f"{outside:.1f}", f"{outside / whole:.0%}"
    )
    table.add_section()
    table.add_row("a request in the worker", f"{whole:.1f}", "100%")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left", title_style="bold", caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _range(values: Sequence[float]) -> str:
    return f"{_number(min(values))} .. {_number(max(values))}"


def _server(idle: IdlePolicies) -> str:
    return f"{idle.policies} policies, {idle.sites} sites, {WORKERS} workers"
