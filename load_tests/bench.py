"""The benchmark. It compares Edgewise with minimal programs that do the same, in one run on one core.

    make bench
    python -m load_tests.bench [--quick] [--json FILE]

Everything runs on this machine, on loopback and Unix sockets, and stops at the end. The exit status is 1 if a strict
threshold is missed, and 2 if a measurement is invalid.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop
from rich.console import Console

from edgewise.processes.supervisor import APP
from load_tests import (
    bench_report,
    bench_shop,
    decide_load,
    idle_policies,
    many_profiles,
    stored_sizes,
    targeting,
    targeting_sites,
    training,
)
from load_tests.bench_report import BenchResults
from load_tests.cpu_cores import Cores, pinned_to
from load_tests.environment import ECHO, start_environment
from load_tests.learning import LearningComparison
from load_tests.load_client import MeasurementError
from load_tests.open_decisions import OpenDecisionBytes
from load_tests.targeting import TargetingCosts
from load_tests.time_breakdown import TimeBreakdown


class BenchPlan(NamedTuple):
    """The size of the measurement. Seconds are per round and app. Each model learns from `decisions` decisions.

    Without `profiles`, no server with many visitors is measured.
    """

    decisions: int
    rounds: int
    seconds: float
    paced_rounds: int
    paced_seconds: float
    calls: int
    events: int
    learning_rounds: int
    open_decisions: int
    sites: int
    idle_policies: int
    profiles: int


FULL = BenchPlan(
    400,
    rounds=12,
    seconds=1.5,
    paced_rounds=3,
    paced_seconds=3,
    calls=3000,
    events=10_000,
    learning_rounds=7,
    open_decisions=200_000,
    sites=20,
    idle_policies=200,
    profiles=1_000_000,
)
QUICK = BenchPlan(
    150,
    rounds=5,
    seconds=0.6,
    paced_rounds=1,
    paced_seconds=1,
    calls=500,
    events=3000,
    learning_rounds=3,
    open_decisions=20_000,
    sites=4,
    idle_policies=40,
    profiles=0,
)

_REPETITIONS = 5
"""Of the calls whose steps are measured."""


async def measure(plan: BenchPlan, report_progress: Callable[[str], None]) -> BenchResults:
    """Measure everything.

    Raises:
        MeasurementError: A measurement is invalid.
    """
    cores = Cores.of_this_machine()
    with pinned_to(cores.others), tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        async with start_environment(Path(folder), cores) as environment:
            report_progress(f"training {len(bench_shop.CANDIDATES)} models with {plan.decisions} decisions each")
            model = await training.train(environment, plan.decisions)
            profile = await stored_sizes.profile_size(environment)
            async with environment.worker(ECHO) as echo, environment.worker(APP) as decide:
                comparison = await decide_load.compare(
                    environment, echo, decide, plan.rounds, plan.seconds, report_progress
                )
                paced = await decide_load.pace(decide, plan.paced_rounds, plan.paced_seconds, report_progress)
            report_progress("measuring the steps of a decide call")
            breakdown = await environment.run_module("load_tests.time_breakdown", plan.calls, _REPETITIONS)
            report_progress("measuring decide calls with and without targeting")
            await targeting_sites.fill_profiles(environment.store)
            async with environment.worker(targeting.APP) as worker:
                requests = await targeting.compare_requests(worker, 3 * plan.rounds, plan.seconds / 6, report_progress)
            calls = await environment.run_module("load_tests.targeting", plan.calls // 10, 3 * plan.rounds)
            report_progress(
                f"learning {plan.events:,} events with the fold and with the bare loop, {plan.learning_rounds} rounds"
            )
            learning = await environment.run_module("load_tests.learning", plan.events, plan.learning_rounds)
            report_progress(f"holding {plan.open_decisions:,} decisions open")
            open_decisions = await environment.run_module("load_tests.open_decisions", plan.open_decisions)
    report_progress(f"starting servers with 1 and {plan.idle_policies} policies")
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        idle = await idle_policies.measure(Path(folder) / "policies", plan.sites, plan.idle_policies)
        profiles = None
        if plan.profiles:
            report_progress(f"storing {plan.profiles:,} profiles, and starting a server on them")
            profiles = await many_profiles.measure(Path(folder) / "profiles", plan.profiles)
    return BenchResults(
        str(cores),
        model,
        comparison,
        paced,
        msgspec.json.decode(breakdown, type=TimeBreakdown),
        requests,
        msgspec.json.decode(calls, type=TargetingCosts),
        msgspec.json.decode(learning, type=LearningComparison),
        profile,
        msgspec.json.decode(open_decisions, type=OpenDecisionBytes),
        idle,
        profiles,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the cost of Edgewise with minimal programs that do the same.")
    parser.add_argument("--quick", action="store_true", help="measure for about 20 seconds, with less precise figures")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    try:
        with console.status("measuring") as status:
            results = uvloop.run(
                measure(QUICK if arguments.quick else FULL, _progress_reporter(console, status.update))
            )
    except MeasurementError as error:
        console.print(f"[bold red]Invalid measurement:[/] {error}", markup=True)
        sys.exit(2)
    bench_report.show(results, console)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    sys.exit(any(row.strict and not row.is_met for row in bench_report.thresholds(results)))


def _progress_reporter(console: Console, update: Callable[[str], None]) -> Callable[[str], None]:
    """Report progress in the last line of a terminal, or in one line each without a terminal."""
    return update if console.is_terminal else lambda text: console.print(text, style="dim")


if __name__ == "__main__":
    main()
