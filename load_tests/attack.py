"""The attacks of strangers on a real server, with the figures that must hold.

    make attack
    python -m load_tests.attack [--only NAME] [--seconds 3] [--no-schema]

Everything runs on loopback and stops at the end. While an attack runs, others call /healthz and visit the site. The
exit status is 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from edgewise.child import Child
from load_tests.attack_server import AttackedServer, Observation, start_server
from load_tests.attacks import ATTACKS, Outcome
from load_tests.schema_attack import check_schema

MOST_P99 = 0.25
"""Seconds. /healthz may take so long at p99, or ten times as long as without an attack."""

MOST_MEMORY = 64 << 20
"""Bytes that all processes together may keep after an attack."""

MOST_MEMORY_IN_ALL = 256 << 20

_SETTLE = 1.0  # Seconds.


class AttackResult(NamedTuple):
    """An attack, the observation during it, and the memory that it left behind."""

    name: str
    outcome: Outcome
    observation: Observation
    memory: int

    def missed(self, quiet: Observation) -> list[str]:
        """The limits that were missed."""
        missed = [*self.outcome.problems, *sorted(set(self.observation.errors))[:3]]
        if self.observation.p99 > max(MOST_P99, 10 * quiet.p99):
            missed.append("p99")
        if self.memory > MOST_MEMORY:
            missed.append("memory")
        return missed


async def run_attacks(names: Sequence[str], seconds: float, console: Console) -> list[str]:
    """Run the attacks one after the other. Return the limits that were missed."""
    with tempfile.TemporaryDirectory(prefix="edgewise-attack-") as folder:
        async with start_server(Path(folder)) as server:
            await server.warm_up()
            await _observe_for(server, seconds)
            quiet, first = await _observe_for(server, seconds), server.memory()
            console.print(f"quiet: p99 of /healthz {_milliseconds(quiet)}, memory {first >> 20} MiB")
            table = Table("attack", "responses", "p99 of /healthz", "visits", "lost", "memory", "missed")
            missed, visits, before = [], quiet.visits, first
            for name in names:
                result, before = await _attack(server, name, seconds, before)
                visits += result.observation.visits - len(result.observation.errors)
                found = result.missed(quiet)
                missed += [f"{name}: {what}" for what in found]
                table.add_row(*_row(result), ", ".join(found) or "-")
            console.print(table)
            if (kept := server.memory() - first) > MOST_MEMORY_IN_ALL:
                missed.append(f"all attacks together: {kept >> 20} MiB of memory")
            missed += await _find_lost(server, visits)
        log = (Path(folder) / "log").read_text(errors="replace")
    if "Traceback" in log:
        missed.append("the log has a traceback")
        console.print(log[log.index("Traceback") :][:3000], markup=False)
    return missed


async def _attack(server: AttackedServer, name: str, seconds: float, before: int) -> tuple[AttackResult, int]:
    stop = asyncio.Event()
    observing = asyncio.create_task(server.observe(stop))
    command = [sys.executable, "-m", "load_tests.attacks", name, str(server.port), str(seconds)]
    child = Child(name, command, stdout=asyncio.subprocess.PIPE)
    await child.start()
    try:
        printed = await child.output.read()
        if await child.wait() != 0:
            raise RuntimeError(f"{name}: The attack failed. See its standard error.")
    finally:
        await child.stop()
        stop.set()
        observation = await observing
    await asyncio.sleep(_SETTLE)
    after = server.memory()
    return AttackResult(name, msgspec.json.decode(printed, type=Outcome), observation, after - before), after


async def _observe_for(server: AttackedServer, seconds: float) -> Observation:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await server.observe(stop)


async def _find_lost(server: AttackedServer, visits: int) -> list[str]:
    """Wait until the learner has counted the outcomes of all visits."""
    counted = 0
    for _ in range(100):
        counted = await server.outcomes()
        if counted >= visits:
            return []
        await asyncio.sleep(0.2)
    return [f"the learner counted {counted} of {visits} impressions"]


def _row(result: AttackResult) -> list[str]:
    statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(result.outcome.statuses.items()))
    observation = result.observation
    return [
        result.name,
        statuses,
        _milliseconds(observation),
        str(observation.visits),
        str(len(observation.errors)),
        f"{result.memory / (1 << 20):+.1f} MiB",
    ]


def _milliseconds(observation: Observation) -> str:
    return f"{1000 * observation.p99:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description="Attack a server of its own, and check what others notice.")
    parser.add_argument(
        "--only", metavar="NAME", choices=ATTACKS, action="append", help=f"one of: {', '.join(ATTACKS)}"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="the time of each attack")
    parser.add_argument("--no-schema", action="store_true", help="leave out schemathesis")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    missed = uvloop.run(run_attacks(arguments.only or list(ATTACKS), arguments.seconds, console))
    if not arguments.no_schema:
        missed += uvloop.run(check_schema(console))
    for one in missed:
        console.print(f"[bold red]missed:[/] {one}")
    console.print("[bold green]All limits hold.[/]" if not missed else f"{len(missed)} limits are missed.")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
