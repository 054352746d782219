"""The store under traffic: it loses its tail, hangs, is down, or responds in bursts."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import httpx

from edgewise.types import PolicyRef, StreamId
from tests.eventually import eventually
from tests.integration.audit import PolicyAudit, audit
from tests.integration.chaos_rounds import episodes, rounds
from tests.integration.chaos_shop import HERO, REFS, write_policies
from tests.integration.chaos_traffic import run_traffic
from tests.integration.ledger import Ledger, LossPeriod
from tests.integration.service import Service, run_service, store_of
from tests.valkey import Valkey

BETWEEN = 30
"""Acknowledged decisions between two faults."""

BUDGET = 0.05
MAX_SECONDS = 0.4
"""Seconds: the budget of a decide call, and the longest time for a client."""

MIN_RESPONSES = 20
"""Decide calls that must be answered while the store is silent. This shows that calls do not wait for it."""


@asynccontextmanager
async def run_service_and_store(folder: Path, **settings: str) -> AsyncIterator[tuple[Service, Valkey]]:
    """Run a service and a separate Valkey as its store, with an append-only file."""
    valkey = Valkey("--appendonly", "yes", "--appendfsync", "everysec")
    try:
        async with run_service(folder, redis=valkey.url, **settings) as service:
            yield service, valkey
    finally:
        valkey.close()


class UnsyncedTail:
    """The data that a Valkey has written since a moment. A crash of the machine can lose it."""

    def __init__(self, files: Path) -> None:
        self._since = time.monotonic()
        [self._file] = files.glob("appendonlydir/*.incr.aof")
        self._kept = self._file.stat().st_size

    def lose(self, chance: Random) -> LossPeriod:
        """Truncate most of it, even within a command. Return the period. Valkey must be down."""
        lost = self._file.stat().st_size - self._kept
        os.truncate(self._file, self._kept + chance.randint(0, lost // 2))
        return LossPeriod(self._since, time.monotonic())


@rounds(quick=1, many=16)
async def test_a_crash_of_the_machine_loses_at_most_the_last_second(
    tmp_path: Path, chance: Random, rounds: int
) -> None:
    for number, crashes in enumerate(episodes(rounds)):
        async with run_service(tmp_path / str(number), appendfsync="everysec") as service:
            async with run_traffic(service.url, chance) as traffic:
                for _ in range(crashes):
                    await traffic.wait_for_decisions(BETWEEN)
                    tail = UnsyncedTail(service.folder / "data" / "valkey")
                    await asyncio.sleep(chance.uniform(0.3, 1.0))
                    await traffic.wait_for_decisions(BETWEEN)
                    await service.kill()
                    traffic.ledger.losses.append(tail.lose(chance))
                    await service.start()
                await traffic.wait_for_decisions(BETWEEN)
            accounts = await audit(service, traffic.ledger)
        assert_loss(traffic.ledger, accounts)


@rounds(quick=2, many=40)
async def test_running_processes_recover_from_a_store_that_lost_its_tail(
    tmp_path: Path, chance: Random, rounds: int
) -> None:
    for number, crashes in enumerate(episodes(rounds)):
        async with run_service_and_store(tmp_path / str(number)) as (service, valkey):
            async with run_traffic(service.url, chance) as traffic:
                for _ in range(crashes):
                    await traffic.wait_for_decisions(BETWEEN)
                    tail = UnsyncedTail(valkey.path.parent)
                    write_policies(service.policies, hero=edit_hero(chance))
                    before = await wait_until_learned(service)
                    valkey.kill()
                    traffic.ledger.losses.append(tail.lose(chance))
                    await asyncio.sleep(chance.uniform(0.0, 0.5))
                    valkey.restart()
                    await wait_for_new_epochs(service, before)
                await traffic.wait_for_decisions(BETWEEN)
            accounts = await audit(service, traffic.ledger)
        assert_loss(traffic.ledger, accounts)


def edit_hero(chance: Random) -> str:
    """The hero's file with other amounts, another algorithm, both or neither."""
    amounts = HERO.replace('"$click" = 0.25', f'"$click" = {chance.choice(("0.25", "0.5"))}')
    return amounts.replace("squarecb", chance.choice(("squarecb", "epsilon")))


async def wait_until_learned(service: Service) -> dict[PolicyRef, int]:
    """Wait until published models cover each log up to now. Return their epochs."""
    async with store_of(service) as store:
        last = {ref: await store.log.last_id(ref) for ref in REFS}

        async def is_known() -> bool:
            heads = await store.checkpoints.heads(REFS)
            return all(ref in heads and heads[ref].position > (last[ref] or StreamId(0, 0)) for ref in REFS)

        await eventually(is_known)
        return {ref: head.epoch for ref, head in (await store.checkpoints.heads(REFS)).items()}


async def wait_for_new_epochs(service: Service, before: dict[PolicyRef, int]) -> None:
    """Wait until models have newer epochs, which means that the learner has noticed the loss."""
    async with store_of(service) as store:

        async def under_new_epochs() -> bool:
            heads = await store.checkpoints.heads(REFS)
            return all(ref in heads and heads[ref].epoch > before[ref] for ref in REFS)

        await eventually(under_new_epochs)


def assert_loss(ledger: Ledger, accounts: dict[PolicyRef, PolicyAudit]) -> None:
    kept = {made.entry.key for account in accounts.values() for made in account.reference.made}
    assert any(shown.key not in kept for shown in ledger.decisions), "Nothing was lost, so the test proves nothing."


class DecideResponse(NamedTuple):
    """A decide response: the times of request and response, and the group."""

    sent: float
    answered: float
    group: str


class DecideProbe:
    """Sends decide calls in a loop, with and without a profile to read, and keeps the responses."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.answers: list[DecideResponse] = []

    async def send_calls(self, visitor: str | None) -> None:
        """Send calls until cancelled."""
        body = {"writeKey": "default", "anonymousId": visitor, "placements": ["hero"]}
        while True:
            sent = time.monotonic()
            response = (await self._client.post("/v1/decide", json=body)).raise_for_status()
            self.answers.append(DecideResponse(sent, time.monotonic(), response.json()["decisions"][0]["group"]))
            await asyncio.sleep(0.005)

    async def responses_for(self, seconds: float) -> list[DecideResponse]:
        """Wait this long, and until there are enough responses. Return those to calls from now on."""
        begin = time.monotonic()

        def found() -> list[DecideResponse]:
            return [one for one in self.answers if one.sent > begin]

        async def is_answered() -> bool:
            return time.monotonic() > begin + seconds and len(found()) >= MIN_RESPONSES

        await eventually(is_answered, within=20)  # Less than the time in which each call waits for the store.
        return found()

    async def wait_for_recovery(self) -> None:
        """Wait until twenty consecutive responses from now on are no fallbacks."""
        begin = len(self.answers)

        async def has_recovered() -> bool:
            return all(one.group != "fallback" for one in self.answers[begin:][-20:]) and len(self.answers) > begin + 20

        await eventually(has_recovered)


@asynccontextmanager
async def run_probe(url: str) -> AsyncIterator[DecideProbe]:
    """Send decide calls during the block."""
    async with httpx.AsyncClient(base_url=url) as client, asyncio.TaskGroup() as group:
        probe = DecideProbe(client)
        tasks = [group.create_task(probe.send_calls(visitor)) for visitor in ("a visitor", None)]
        yield probe
        for task in tasks:
            task.cancel()


async def freeze(valkey: Valkey, probe: DecideProbe, seconds: float, _: Random) -> list[DecideResponse]:
    """The store hangs. Its connections stay open."""
    valkey.freeze()
    silent = await probe.responses_for(seconds)
    valkey.thaw()
    return silent


async def stop(valkey: Valkey, probe: DecideProbe, seconds: float, _: Random) -> list[DecideResponse]:
    """The store is down. It does not listen."""
    valkey.kill()
    silent = await probe.responses_for(seconds)
    valkey.restart()
    return silent


async def stutter(valkey: Valkey, _: DecideProbe, seconds: float, chance: Random) -> None:
    """The store hangs repeatedly, for less and for more than the budget of a decide call."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        valkey.freeze()
        await asyncio.sleep(chance.uniform(0.005, 0.2))
        valkey.thaw()
        await asyncio.sleep(chance.uniform(0.005, 0.05))


@rounds(quick=1, many=12)
async def test_decide_responds_while_the_store_is_silent(tmp_path: Path, chance: Random, rounds: int) -> None:
    longest = 1.0 if rounds == 1 else 8.0
    async with run_service_and_store(tmp_path / "shop", decide_budget="50ms") as (service, valkey):
        workers = service.pids("edgewise.processes.worker")
        async with run_traffic(service.url, chance, visitors=2) as traffic:
            for fault in (freeze, stop, stutter) * rounds:
                await traffic.wait_for_decisions(BETWEEN)
                async with run_probe(service.url) as probe:
                    silent = await fault(valkey, probe, chance.uniform(0.5, longest), chance)
                    await probe.wait_for_recovery()
                if silent is not None:
                    assert {one.group for one in silent} == {"fallback"}
                if rounds > 1:  # The quick suite shares its machine, so it cannot measure latency.
                    assert_in_time(probe.answers)
        await audit(service, traffic.ledger)
        # The workers recover without a restart.
        assert service.pids("edgewise.processes.worker") == workers


def assert_in_time(answers: list[DecideResponse]) -> None:
    seconds = sorted(one.answered - one.sent for one in answers)
    assert seconds[len(seconds) // 2] < 2 * BUDGET
    assert seconds[len(seconds) * 99 // 100] < MAX_SECONDS
