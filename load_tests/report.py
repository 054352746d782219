"""The report: numbers to hold first, ratios before absolute figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct
from rich import box
from rich.console import Console
from rich.table import Table

from load_tests.anatomy import Anatomy
from load_tests.learning import Learning
from load_tests.serving import Comparison, Load, Paced
from load_tests.stored import Size
from load_tests.targeting import Targeting


class Results(Struct, frozen=True):
    """All that was measured. `cores` and `model` tell on what."""

    cores: str
    model: str
    comparison: Comparison
    paced: Sequence[Paced]
    anatomy: Anatomy
    targeted_requests: Targeting
    targeted_calls: Targeting
    learning: Learning
    profile: Size


class Hold(Struct, frozen=True):
    """A number to hold. `found` has a value a round, of which the median counts. Missing a strict one is a failure."""

    what: str
    found: Sequence[float]
    hold: float
    aims: Sequence[float] = ()
    at_least: bool = False
    strict: bool = True
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.reaches(self.hold)

    def reaches(self, number: float) -> bool:
        found = median(self.found)
        return found >= number if self.at_least else found <= number


def holds(results: Results) -> list[Hold]:
    """The numbers to hold.

    Latencies are not strict: at half of saturation they tell as much of what else runs on a machine as of us. Nor is
    what a full profile adds to conditions and segments, as long as it is not held.
    """
    requests, calls = results.targeted_requests, results.targeted_calls
    p99 = {paced.candidates: paced.p99 for paced in results.paced}
    return [
        Hold(
            "decide / echo, requests a second of a core", results.comparison.ratios, 0.25, (0.30, 0.50), at_least=True
        ),
        Hold("fold / bare loop, events a second of a core", results.learning.ratios, 0.5, (0.6,), at_least=True),
        Hold("20 conditions, 10 segments / without, in the door", calls.conditions, 1.25),
        Hold("these, full profile / none, in the door", calls.all_in, 1.25, strict=False),
        Hold("these, full profile / none, whole requests", requests.all_in, 1.25, strict=False),
        Hold("a decision in the log, 20 actions", [results.comparison.entry.stored], 500, unit=" bytes"),
        Hold("a visitor's profile in the store", [results.profile.stored], 1024, unit=" bytes"),
        Hold("p99 at half of saturation, 100 actions", p99[100], 10, strict=False, unit=" ms"),
        Hold("p99 at half of saturation, 1,000 actions", p99[1000], 25, strict=False, unit=" ms"),
    ]


def show(results: Results, console: Console) -> None:
    """Print everything."""
    for table in (
        _numbers_to_hold(holds(results)),
        _saturated(results.comparison),
        _paced(results.paced),
        _targeting(results),
        _learning(results.learning),
        _bytes(results),
        _anatomy(results),
    ):
        console.print(table)
    console.print(f"{results.model} {results.cores}", style="dim")


def _numbers_to_hold(rows: Iterable[Hold]) -> Table:
    table = _table("Numbers to hold (median of the rounds)", "", "found", "min .. max", "hold", "aim", "")
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        verdict = "[green]holds[/]" if row.holds else "[bold red]MISSED[/]" if row.strict else "[yellow]missed[/]"
        table.add_row(
            row.what,
            _number(median(row.found)) + row.unit,
            _range(row.found) if len(row.found) > 1 else "",
            f"{sign} {row.hold:g}",
            ", ".join(f"{aim:g}" + (" reached" if row.reaches(aim) else "") for aim in row.aims),
            verdict,
        )
    return table


def _saturated(comparison: Comparison) -> Table:
    title = f"At saturation, 20 actions ({comparison.answered:,} decisions acknowledged, and found in the log)"
    table = _table(title, "", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "worker busy", "core held by others")
    for name, load in (("echo (bare Starlette)", comparison.echo), ("decide", comparison.decide)):
        table.add_row(name, *_load(load))
    by_the_clock = comparison.by_the_clock
    table.caption = (
        "The ratio to hold is that of the requests in a second of the worker's own time on its core. By the clock, "
        f"with all that others took of it, the ratio is {_number(median(by_the_clock))} ({_range(by_the_clock)})."
    )
    return table


def _load(load: Load) -> list[str]:
    shares = [f"{share:.0%}" for share in (load.busy, load.stolen)]
    return [_number(load.rate), _number(load.p50), _number(load.p99), _number(load.cpu), *shares]


def _paced(rows: Iterable[Paced]) -> Table:
    table = _table("Decide at half of saturation", "actions", "saturation/s", "p50 ms", "p99 ms", "min .. max")
    for row in rows:
        middle = [_number(median(values)) for values in (row.saturation, row.p50, row.p99)]
        table.add_row(f"{row.candidates:,}", *middle, _range(row.p99))
    table.caption = "Sent at a fixed rate; a latency counts from when its request was meant to be sent."
    return table


def _targeting(results: Results) -> Table:
    columns = ("no profile", "full profile", "and conditions, segments")
    table = _table("What targeting costs, 20 actions: µs of CPU", "", *columns)
    for name, costs in (("a request", results.targeted_requests), ("in its door alone", results.targeted_calls)):
        table.add_row(name, *(f"{cost:.1f}" for cost in (costs.bare, costs.profiled, costs.targeted)))
    return table


def _learning(learning: Learning) -> Table:
    table = _table("Learning, 20 actions", "", "events/s of CPU", "µs/event")
    for name, rate in (("bare vowpal-wabbit-next, parse and learn", learning.bare), ("fold", learning.fold)):
        table.add_row(name, _number(rate), _number(1e6 / rate))
    table.caption = f"{learning.events:,} events a round; both end with the same model, byte for byte."
    return table


def _bytes(results: Results) -> Table:
    table = _table("Bytes", "", "encoded", "in the store")
    for name, size in (("a decision in the log", results.comparison.entry), ("a visitor's profile", results.profile)):
        table.add_row(name, _number(size.encoded), _number(size.stored))
    return table


def _anatomy(results: Results) -> Table:
    whole = results.comparison.decide.cpu
    table = _table("Where the time of a decide call goes", "", "µs", "share")
    for step in sorted(results.anatomy.steps, key=lambda step: -step.microseconds):
        table.add_row(step.name, f"{step.microseconds:.1f}", f"{step.microseconds / whole:.0%}")
    outside = whole - results.anatomy.door
    table.add_row("outside of the door: server, sockets, ASGI, cold caches", f"{outside:.1f}", f"{outside / whole:.0%}")
    table.add_section()
    table.add_row("a request, on the worker", f"{whole:.1f}", "100%")
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
