"""The service or parts of it are killed under traffic. Acknowledged data is neither lost nor counted twice."""

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
from tests.integration.chaos_rounds import episodes, rounds
from tests.integration.chaos_traffic import run_traffic
from tests.integration.service import Part, Service, kill_process, run_service

Victim: TypeAlias = Part | Literal["service"]

BETWEEN = 30
"""Acknowledged decisions between two kills."""

WORKERS_AND_LEARNER: tuple[Victim, ...] = ("edgewise.processes.worker", "edgewise learn")
ALL_VICTIMS: tuple[Victim, ...] = (*WORKERS_AND_LEARNER, "valkey-server", "service")


async def kill(service: Service, victim: Victim, chance: Random) -> None:
    """Kill this part, and wait for its restart. If the victim is the whole service, restart it."""
    if victim == "service":
        await service.kill()
        await service.start()
        return
    count = 2 if victim == "edgewise.processes.worker" else 1

    async def all_run() -> bool:
        return len(service.pids(victim)) == count

    await eventually(all_run)
    killed = chance.choice(service.pids(victim))
    os.kill(killed, signal.SIGSTOP)  # Leaves many requests pending at the kill.
    await asyncio.sleep(chance.choice((0.0, 0.02)))
    kill_process(killed)

    async def runs_again() -> bool:
        return killed not in service.pids(victim) and await all_run()

    await eventually(runs_again)


async def kill_under_traffic(folder: Path, chance: Random, rounds: int, victims: tuple[Victim, ...]) -> None:
    """Kill one of the victims in each round, at a random time of the traffic. Audit after each episode."""
    for number, kills in enumerate(episodes(rounds)):
        # With everysec, Valkey may not have written acknowledged data yet while the disk is busy.
        async with run_service(folder / f"episode-{number}", appendfsync="always") as service:
            async with run_traffic(service.url, chance) as traffic:
                for victim in islice(cycle(chance.sample(victims, len(victims))), kills):
                    await traffic.wait_for_decisions(BETWEEN)
                    await asyncio.sleep(chance.uniform(0.0, 0.3))
                    await kill(service, victim, chance)
                await traffic.wait_for_decisions(BETWEEN)
            await audit(service, traffic.ledger)
            assert "equal" in await service.rebuild("row")


@rounds(quick=3, many=40)
async def test_killed_workers_and_learners_lose_nothing(tmp_path: Path, chance: Random, rounds: int) -> None:
    await kill_under_traffic(tmp_path, chance, rounds, WORKERS_AND_LEARNER)


@rounds(quick=2, many=24)
async def test_a_killed_service_loses_nothing_acknowledged(tmp_path: Path, chance: Random, rounds: int) -> None:
    await kill_under_traffic(tmp_path, chance, rounds, ("service",))


@rounds(quick=2, many=24)
async def test_a_killed_valkey_loses_nothing_acknowledged(tmp_path: Path, chance: Random, rounds: int) -> None:
    await kill_under_traffic(tmp_path, chance, rounds, ("valkey-server",))


@rounds(quick=None, many=60)
async def test_the_model_is_a_fold_of_the_log_after_kills_of_all_parts(
    tmp_path: Path, chance: Random, rounds: int
) -> None:
    await kill_under_traffic(tmp_path, chance, rounds, ALL_VICTIMS)
