"""Parts of the service, and the whole of it, killed under traffic: nothing acknowledged is lost or counted twice."""

from __future__ import annotations

import asyncio
import os
import signal
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias

from tests.eventually import eventually
from tests.integration.audit import audit
from tests.integration.chaos import episodes, rounds
from tests.integration.service import Part, Service, end, serving
from tests.integration.traffic import visiting

Victim: TypeAlias = Part | Literal["the whole"]

BETWEEN = 30
"""Decisions that must be acknowledged after a kill before the next one."""

WORKERS_AND_LEARNER: tuple[Victim, ...] = ("edgewise.processes.worker", "edgewise learn")
ALL_ATTRIBUTES: tuple[Victim, ...] = (*WORKERS_AND_LEARNER, "valkey-server", "the whole")


async def kill(service: Service, victim: Victim, chance: Random) -> None:
    """Kill this part, and wait until the supervisor has started it again; or kill the whole, and start it again."""
    if victim == "the whole":
        await service.kill()
        await service.start()
        return
    count = 2 if victim == "edgewise.processes.worker" else 1

    async def all_run() -> bool:
        return len(service.pids(victim)) == count

    await eventually(all_run)
    killed = chance.choice(service.pids(victim))
    os.kill(killed, signal.SIGSTOP)  # So that much is under way when it dies.
    await asyncio.sleep(chance.choice((0.0, 0.02)))
    end(killed)

    async def runs_again() -> bool:
        return killed not in service.pids(victim) and await all_run()

    await eventually(runs_again)


async def storm(folder: Path, chance: Random, rounds: int, victims: tuple[Victim, ...]) -> None:
    """Kill one of the victims in each round, at a random instant of the traffic; audit after each episode."""
    for number, kills in enumerate(episodes(rounds)):
        # With everysec, Valkey may hold back what it has acknowledged, while the disk is busy.
        async with serving(folder / f"episode-{number}", appendfsync="always") as service:
            async with visiting(service.url, chance) as traffic:
                for victim in islice(cycle(chance.sample(victims, len(victims))), kills):
                    await traffic.more(BETWEEN)
                    await asyncio.sleep(chance.uniform(0.0, 0.3))
                    await kill(service, victim, chance)
                await traffic.more(BETWEEN)
            await audit(service, traffic.ledger)
            assert "equal" in await service.rebuild("row")


@rounds(quick=3, many=40)
async def test_killed_workers_and_learners_change_nothing(tmp_path: Path, chance: Random, rounds: int) -> None:
    await storm(tmp_path, chance, rounds, WORKERS_AND_LEARNER)


@rounds(quick=2, many=24)
async def test_the_whole_service_killed_goes_on_where_it_was(tmp_path: Path, chance: Random, rounds: int) -> None:
    await storm(tmp_path, chance, rounds, ("the whole",))


@rounds(quick=2, many=24)
async def test_a_killed_valkey_loses_nothing_acknowledged(tmp_path: Path, chance: Random, rounds: int) -> None:
    await storm(tmp_path, chance, rounds, ("valkey-server",))


@rounds(quick=None, many=60)
async def test_whatever_is_killed_the_model_is_a_fold_of_the_log(tmp_path: Path, chance: Random, rounds: int) -> None:
    await storm(tmp_path, chance, rounds, ALL_ATTRIBUTES)
