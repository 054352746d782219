"""The learner's process, as one task: what it does when the store is not as it left it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgewise.learner.process import Learner
from edgewise.learner.rebuild import rebuild
from edgewise.settings import Settings
from edgewise.store import Head, Store, keys
from tests.eventually import eventually
from tests.learner.stage import REF, Stage


@asynccontextmanager
async def learning(store: Store) -> AsyncIterator[None]:
    """A learner runs meanwhile."""
    stop = asyncio.Event()
    task = asyncio.create_task(Learner(store, Settings()).run(stop))
    yield
    stop.set()
    await task


async def published(store: Store, after: int = 0) -> Head:
    """Wait until a model is published under a newer epoch than this one."""
    heads: list[Head] = []

    async def is_published() -> bool:
        found = (await store.checkpoints.heads([REF])).get(REF)
        heads[:] = [] if found is None or found.epoch <= after else [found]
        return bool(heads)

    await eventually(is_published)
    return heads[0]


@pytest.mark.parametrize("lost", ["all of the checkpoint", "the take-over"])
async def test_a_learner_whose_epoch_the_store_lost_takes_the_policy_over_again_at_once(
    store: Store, lost: str
) -> None:
    stage = Stage(store)
    await stage.publish()
    await stage.visit(4)
    async with learning(store):
        head = await published(store)
        checkpoint = keys.checkpoint(REF)
        lose = ("DEL", checkpoint) if lost[0] == "a" else ("HSET", checkpoint, "epoch", head.epoch - 1)
        await store.checkpoints._client.execute(lose)
        await stage.visit(4)
        await published(store, after=head.epoch)
    rebuilt = await rebuild(store, REF)
    assert (rebuilt.equal, rebuilt.learned) == (True, 8)
