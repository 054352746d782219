"""The store under traffic: dying with its tail, frozen, down, stuttering."""

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
from tests.integration.audit import Account, audit
from tests.integration.chaos import episodes, rounds
from tests.integration.ledger import Ledger, Loss
from tests.integration.service import Service, serving, store_of
from tests.integration.shop import HERO, REFS, open_shop
from tests.integration.traffic import visiting
from tests.valkey import Valkey

BETWEEN = 30
"""Decisions that must be acknowledged between two troubles."""

BUDGET = 0.05
GENEROUS = 0.4
"""Seconds: a decide call's own budget, and what it may take as seen by a client."""

ANSWERED = 20
"""Decide calls that must be answered while the store is silent: then nobody waits for it."""


@asynccontextmanager
async def serving_apart(folder: Path, **settings: str) -> AsyncIterator[tuple[Service, Valkey]]:
    """A service, and the Valkey outside of it that is its store, which keeps what it holds in an append-only file."""
    valkey = Valkey("--appendonly", "yes", "--appendfsync", "everysec")
    try:
        async with serving(folder, redis=valkey.url, **settings) as service:
            yield service, valkey
    finally:
        valkey.close()


class Tail:
    """What a Valkey has written since a moment, and a machine that dies now can lose."""

    def __init__(self, files: Path) -> None:
        self._since = time.monotonic()
        [self._file] = files.glob("appendonlydir/*.incr.aof")
        self._kept = self._file.stat().st_size

    def lose(self, chance: Random) -> Loss:
        """Lose most of it, be it in the midst of a command; when what is lost was acknowledged. Valkey must be down."""
        lost = self._file.stat().st_size - self._kept
        os.truncate(self._file, self._kept + chance.randint(0, lost // 2))
        return Loss(self._since, time.monotonic())


@rounds(quick=1, many=16)
async def test_a_machine_that_dies_loses_its_last_second_at_most(tmp_path: Path, chance: Random, rounds: int) -> None:
    for number, deaths in enumerate(episodes(rounds)):
        async with serving(tmp_path / str(number), appendfsync="everysec") as service:
            async with visiting(service.url, chance) as traffic:
                for _ in range(deaths):
                    await traffic.more(BETWEEN)
                    tail = Tail(service.folder / "data" / "valkey")
                    await asyncio.sleep(chance.uniform(0.3, 1.0))
                    await traffic.more(BETWEEN)
                    await service.kill()
                    traffic.ledger.losses.append(tail.lose(chance))
                    await service.start()
                await traffic.more(BETWEEN)
            accounts = await audit(service, traffic.ledger)
        assert_something_was_lost(traffic.ledger, accounts)


@rounds(quick=2, many=40)
async def test_a_store_that_lost_its_tail_is_noticed_by_those_who_live_on(
    tmp_path: Path, chance: Random, rounds: int
) -> None:
    for number, deaths in enumerate(episodes(rounds)):
        async with serving_apart(tmp_path / str(number)) as (service, valkey):
            async with visiting(service.url, chance) as traffic:
                for _ in range(deaths):
                    await traffic.more(BETWEEN)
                    tail = Tail(valkey.path.parent)
                    open_shop(service.policies, hero=edited(chance))
                    before = await learned_since_now(service)
                    valkey.kill()
                    traffic.ledger.losses.append(tail.lose(chance))
                    await asyncio.sleep(chance.uniform(0.0, 0.5))
                    valkey.restart()
                    await noticed(service, before)
                await traffic.more(BETWEEN)
            accounts = await audit(service, traffic.ledger)
        assert_something_was_lost(traffic.ledger, accounts)


def edited(chance: Random) -> str:
    """The hero's file with other amounts, another algorithm, both or neither."""
    amounts = HERO.replace('"$click" = 0.25', f'"$click" = {chance.choice(("0.25", "0.5"))}')
    return amounts.replace("squarecb", chance.choice(("squarecb", "epsilon")))


async def learned_since_now(service: Service) -> dict[PolicyRef, int]:
    """Wait until published models know more of each log than there is now; the epochs they were published under."""
    async with store_of(service) as store:
        last = {ref: await store.log.last_id(ref) for ref in REFS}

        async def is_known() -> bool:
            heads = await store.checkpoints.heads(REFS)
            return all(ref in heads and heads[ref].position > (last[ref] or StreamId(0, 0)) for ref in REFS)

        await eventually(is_known)
        return {ref: head.epoch for ref, head in (await store.checkpoints.heads(REFS)).items()}


async def noticed(service: Service, before: dict[PolicyRef, int]) -> None:
    """Wait until models are published under newer epochs: the learner has seen that its last entries are gone."""
    async with store_of(service) as store:

        async def under_new_epochs() -> bool:
            heads = await store.checkpoints.heads(REFS)
            return all(ref in heads and heads[ref].epoch > before[ref] for ref in REFS)

        await eventually(under_new_epochs)


def assert_something_was_lost(ledger: Ledger, accounts: dict[PolicyRef, Account]) -> None:
    kept = {made.entry.key for account in accounts.values() for made in account.reference.made}
    assert any(shown.key not in kept for shown in ledger.shown), "nothing was lost, so this has shown nothing"


class Answer(NamedTuple):
    """How a decide call was answered: when it was sent, when it was answered, and by which group."""

    sent: float
    answered: float
    group: str


class Asking:
    """Asks again and again, with a profile to be read and without, and keeps how it was answered."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.answers: list[Answer] = []

    async def ask(self, visitor: str | None) -> None:
        """Ask for ever."""
        body = {"writeKey": "default", "anonymousId": visitor, "placements": ["hero"]}
        while True:
            sent = time.monotonic()
            response = (await self._client.post("/v1/decide", json=body)).raise_for_status()
            self.answers.append(Answer(sent, time.monotonic(), response.json()["decisions"][0]["group"]))
            await asyncio.sleep(0.005)

    async def answered(self, seconds: float) -> list[Answer]:
        """Wait so long, and until enough is answered; the answers to what was asked from now on."""
        begin = time.monotonic()

        def found() -> list[Answer]:
            return [one for one in self.answers if one.sent > begin]

        async def is_answered() -> bool:
            return time.monotonic() > begin + seconds and len(found()) >= ANSWERED

        await eventually(is_answered, within=20)  # If each waited for the store to be given up, it would take longer.
        return found()

    async def recovered(self) -> None:
        """Wait until twenty answers in a row, from now on, are not fallbacks."""
        begin = len(self.answers)

        async def has_recovered() -> bool:
            return all(one.group != "fallback" for one in self.answers[begin:][-20:]) and len(self.answers) > begin + 20

        await eventually(has_recovered)


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Asking]:
    """Ask meanwhile."""
    async with httpx.AsyncClient(base_url=url) as client, asyncio.TaskGroup() as group:
        asked = Asking(client)
        tasks = [group.create_task(asked.ask(visitor)) for visitor in ("a visitor", None)]
        yield asked
        for task in tasks:
            task.cancel()


async def freeze(valkey: Valkey, asked: Asking, seconds: float, _: Random) -> list[Answer]:
    """The store hangs: connections to it stay open."""
    valkey.freeze()
    silent = await asked.answered(seconds)
    valkey.thaw()
    return silent


async def stop(valkey: Valkey, asked: Asking, seconds: float, _: Random) -> list[Answer]:
    """The store is gone: nobody listens."""
    valkey.kill()
    silent = await asked.answered(seconds)
    valkey.restart()
    return silent


async def stutter(valkey: Valkey, _: Asking, seconds: float, chance: Random) -> None:
    """The store hangs again and again, for shorter and longer than a decide call waits."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        valkey.freeze()
        await asyncio.sleep(chance.uniform(0.005, 0.2))
        valkey.thaw()
        await asyncio.sleep(chance.uniform(0.005, 0.05))


@rounds(quick=1, many=12)
async def test_decide_answers_while_the_store_does_not(tmp_path: Path, chance: Random, rounds: int) -> None:
    longest = 1.0 if rounds == 1 else 8.0
    async with serving_apart(tmp_path / "shop", decide_budget="50ms") as (service, valkey):
        workers = service.pids("edgewise.processes.worker")
        async with visiting(service.url, chance, visitors=2) as traffic:
            for trouble in (freeze, stop, stutter) * rounds:
                await traffic.more(BETWEEN)
                async with asking(service.url) as asked:
                    silent = await trouble(valkey, asked, chance.uniform(0.5, longest), chance)
                    await asked.recovered()
                if silent is not None:
                    assert {one.group for one in silent} == {"fallback"}
                if rounds > 1:  # The quick suite shares its machine, and says nothing of how long anything takes.
                    assert_in_time(asked.answers)
        await audit(service, traffic.ledger)
        # They recover by themselves, without being started again.
        assert service.pids("edgewise.processes.worker") == workers


def assert_in_time(answers: list[Answer]) -> None:
    seconds = sorted(one.answered - one.sent for one in answers)
    assert seconds[len(seconds) // 2] < 2 * BUDGET
    assert seconds[len(seconds) * 99 // 100] < GENEROUS
