"""The learner's process when the store lost writes or another learner took over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgewise.learner import policy_learner, process
from edgewise.learner.process import TAKE_BACK_AFTER, Learner
from edgewise.learner.rebuild import rebuild
from edgewise.settings import Settings
from edgewise.statistics import Statistics
from edgewise.store import Checkpoint, Store, keys
from tests.eventually import eventually
from tests.learner.published_policy import REF, PublishedPolicy


@pytest.fixture(autouse=True)
def _hasty_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READ_EVERY", 0.01)
    monkeypatch.setattr(policy_learner, "PUBLISH_EVERY", 0.02)


@asynccontextmanager
async def learning(store: Store) -> AsyncIterator[None]:
    """Run a learner in the background."""
    stop = asyncio.Event()
    task = asyncio.create_task(Learner(store, Settings()).run(stop))
    yield
    stop.set()
    await task


async def published(store: Store, learned: int, after: int = 0) -> Checkpoint:
    """Wait until a model with so many learned decisions is published under an epoch newer than `after`."""
    found: list[Checkpoint] = []

    async def is_published() -> bool:
        newest = await store.checkpoints.read(REF)
        if newest is None or newest.epoch <= after or Statistics.decode(newest.statistics).learned < learned:
            return False
        found.append(newest)
        return True

    await eventually(is_published, within=TAKE_BACK_AFTER - 5)
    return found[0]


@pytest.mark.parametrize("lost", ["all of the checkpoint", "the take-over"])
async def test_learner_takes_over_at_once_if_the_store_lost_its_epoch(store: Store, lost: str) -> None:
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    await policy_log.visit(4)
    async with learning(store):
        before = await published(store, 4)
        checkpoint = keys.checkpoint(REF)
        lose = ("DEL", checkpoint) if lost[0] == "a" else ("HSET", checkpoint, "epoch", before.epoch - 1)
        await store.checkpoints._client.execute(lose)
        await policy_log.visit(4)
        await published(store, 8, after=before.epoch)
    rebuilt = await rebuild(store, REF)
    assert (rebuilt.equal, rebuilt.learned) == (True, 8)


async def test_displaced_learner_takes_back_its_policy_and_logs_a_warning(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "TAKE_BACK_AFTER", 0.2)
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    async with learning(store):
        await policy_log.visit(4)
        await published(store, 4)
        taken = await store.checkpoints.raise_epoch(REF)
        await policy_log.visit(4)
        await published(store, 8, after=taken)
    (record,) = [one for one in caplog.records if one.name == process.__name__]
    assert record.levelname == "WARNING"
    assert "shop/hero: another learner has taken over." in record.getMessage()


async def test_displaced_learner_stops_without_an_error(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    async with learning(store):
        await policy_log.visit(4)
        await published(store, 4)
        await store.checkpoints.raise_epoch(REF)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
