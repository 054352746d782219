from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from edgewise.policies.policy import Reward
from edgewise.serving.follower import Follower
from edgewise.store import Store
from tests.events.recording import LONG, ORDER, Recording
from tests.learner.published_policy import POLICY, PublishedPolicy


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = await Store.connect(store_url, patience=LONG)
    yield store
    await store.close()


@pytest.fixture
async def recording(store: Store) -> Recording:
    policy = replace(POLICY, reward=Reward(events={"$click": 0.2, ORDER: 1.0, "Signed Up": 0.5}))
    await PublishedPolicy(store, policy).publish()
    follower = Follower(store)
    await follower.refresh()
    return Recording(store, follower)
