"""The learner's process, as one task: what it does when the store is not as it left it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgewise.learner import policy_learner, process
from edgewise.learner.process import STAND_BY, Learner
from edgewise.learner.rebuild import rebuild
from edgewise.settings import Settings
from edgewise.statistics import Statistics
from edgewise.store import Checkpoint, Store, keys
from tests.eventually import eventually
from tests.learner.stage import REF, Stage


@pytest.fixture(autouse=True)
def _hasty_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READ_EVERY", 0.01)
    monkeypatch.setattr(policy_learner, "PUBLISH_EVERY", 0.02)


@asynccontextmanager
async def learning(store: Store) -> AsyncIterator[None]:
    """A learner runs meanwhile."""
    stop = asyncio.Event()
    task = asyncio.create_task(Learner(store, Settings()).run(stop))
    yield
    stop.set()
    await task


async def published(store: Store, learned: int, after: int = 0) -> Checkpoint:
    """Wait until a model that has learned so much is published under a newer epoch than this one: soon."""
    found: list[Checkpoint] = []

    async def is_published() -> bool:
        newest = await store.checkpoints.read(REF)
        if newest is None or newest.epoch <= after or Statistics.decode(newest.statistics).learned < learned:
            return False
        found.append(newest)
        return True

    await eventually(is_published, within=STAND_BY - 5)
    return found[0]


@pytest.mark.parametrize("lost", ["all of the checkpoint", "the take-over"])
async def test_a_learner_whose_epoch_the_store_lost_takes_the_policy_over_again_at_once(
    store: Store, lost: str
) -> None:
    stage = Stage(store)
    await stage.publish()
    await stage.visit(4)
    async with learning(store):
        before = await published(store, 4)
        checkpoint = keys.checkpoint(REF)
        lose = ("DEL", checkpoint) if lost[0] == "a" else ("HSET", checkpoint, "epoch", before.epoch - 1)
        await store.checkpoints._client.execute(lose)
        await stage.visit(4)
        await published(store, 8, after=before.epoch)
    rebuilt = await rebuild(store, REF)
    assert (rebuilt.equal, rebuilt.learned) == (True, 8)


async def test_a_policy_that_another_learner_took_over_is_taken_back_after_a_while_and_none_of_it_is_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "STAND_BY", 0.2)
    stage = Stage(store)
    await stage.publish()
    async with learning(store):
        await stage.visit(4)
        await published(store, 4)
        taken = await store.checkpoints.raise_epoch(REF)
        await stage.visit(4)
        await published(store, 8, after=taken)
    (said,) = [record for record in caplog.records if record.name == process.__name__]
    assert said.levelname == "WARNING"
    assert "shop/hero: another learner has taken it over; this one stands by" in said.getMessage()


async def test_a_learner_that_ends_while_another_one_has_its_policy_says_nothing_of_it(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(store)
    await stage.publish()
    async with learning(store):
        await stage.visit(4)
        await published(store, 4)
        await store.checkpoints.raise_epoch(REF)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
