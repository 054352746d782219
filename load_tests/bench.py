"""The benchmark: what Edgewise costs, next to what cannot cost less, in one run on one core.

    make bench
    python -m load_tests.bench [--quick] [--json FILE]

Everything runs on this machine, on loopback and Unix sockets, and has ended when this ends. Exits with status 1 when a
number to hold is missed, with 2 when what was measured is not what it is said to be.
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
from load_tests import report, serving, shop, stored, targeted, targeting, training
from load_tests.anatomy import Anatomy
from load_tests.client import Mismeasured
from load_tests.cores import Cores, on
from load_tests.learning import Learning
from load_tests.report import Results
from load_tests.stage import ECHO, stage
from load_tests.targeting import Targeting


class Plan(NamedTuple):
    """How long to measure. Seconds are those of one round for one app; `decisions` is what each model learns from."""

    decisions: int
    rounds: int
    seconds: float
    paced_rounds: int
    paced_seconds: float
    calls: int
    events: int
    learning_rounds: int


FULL = Plan(400, rounds=12, seconds=1.5, paced_rounds=3, paced_seconds=3, calls=3000, events=10_000, learning_rounds=7)
QUICK = Plan(150, rounds=5, seconds=0.6, paced_rounds=1, paced_seconds=1, calls=500, events=3000, learning_rounds=3)

_REPETITIONS = 5  # of the calls that are taken apart


async def measure(plan: Plan, tell: Callable[[str], None]) -> Results:
    """Measure everything; `tell` is told how far it is.

    Raises:
        Mismeasured: what was measured is not what it is said to be.
    """
    cores = Cores.of_this_machine()
    with on(cores.others), tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        async with stage(Path(folder), cores) as scene:
            tell(f"teaching {len(shop.CANDIDATES)} policies, {plan.decisions} decisions each")
            model = await training.train(scene, plan.decisions)
            profile = await stored.profile_size(scene)
            async with scene.worker(ECHO) as echo, scene.worker(APP) as decide:
                comparison = await serving.compare(scene, echo, decide, plan.rounds, plan.seconds, tell)
                paced = await serving.pace(decide, plan.paced_rounds, plan.paced_seconds, tell)
            tell("taking a decide call apart")
            anatomy = await scene.measured("load_tests.anatomy", plan.calls, _REPETITIONS)
            tell("deciding with and without targeting")
            await targeted.fill_profiles(scene.store)
            async with scene.worker(targeting.APP) as worker:
                requests = await targeting.compare_requests(worker, 3 * plan.rounds, plan.seconds / 6, tell)
            calls = await scene.measured("load_tests.targeting", plan.calls // 10, 3 * plan.rounds)
            tell(f"learning {plan.events:,} events both ways, {plan.learning_rounds} rounds")
            learning = await scene.measured("load_tests.learning", plan.events, plan.learning_rounds)
    return Results(
        str(cores),
        model,
        comparison,
        paced,
        msgspec.json.decode(anatomy, type=Anatomy),
        requests,
        msgspec.json.decode(calls, type=Targeting),
        msgspec.json.decode(learning, type=Learning),
        profile,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what Edgewise costs next to what cannot cost less.")
    parser.add_argument("--quick", action="store_true", help="about 20 seconds, less sure figures")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results to this file too")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    try:
        with console.status("measuring") as status:
            results = uvloop.run(measure(QUICK if arguments.quick else FULL, _teller(console, status.update)))
    except Mismeasured as error:
        console.print(f"[bold red]Not measured:[/] {error}", markup=True)
        sys.exit(2)
    report.show(results, console)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    sys.exit(any(hold.strict and not hold.holds for hold in report.holds(results)))


def _teller(console: Console, update: Callable[[str], None]) -> Callable[[str], None]:
    """Shows how far it is: in the last line of a terminal, else in a line each."""
    return update if console.is_terminal else lambda text: console.print(text, style="dim")


if __name__ == "__main__":
    main()
