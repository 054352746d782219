from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edgewise.serving.follower import Follower
from edgewise.store import Store
from tests.events.recording import LONG, REWARDED, Recording
from tests.learner.published_policy import PublishedPolicy


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = await Store.connect(store_url, patience=LONG)
    yield store
    await store.close()


@pytest.fixture
async def recording(store: Store) -> Recording:
    await PublishedPolicy(store, REWARDED).publish()
    follower = Follower(store)
    await follower.refresh()
    return Recording(store, follower)
