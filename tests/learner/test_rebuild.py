"""Rebuilding beside a learner that keeps its log within bounds meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from edgewise.errors import StoreError
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.learner.rebuild import rebuild
from edgewise.policies.policy import Reward
from edgewise.store import Store
from tests.learner.published_policy import POLICY, REF, PublishedPolicy, apply_retention, learner, read


async def trim(policy_log: PublishedPolicy, visits: int) -> None:
    """Add visits to the log, and let a learner trim it to a new base."""
    await policy_log.visit(visits)
    one = learner(policy_log.store)
    await read_all(policy_log.store, one)
    await apply_retention(policy_log.store, one, log_bytes=1)


async def read_all(store: Store, one: PolicyLearner) -> None:
    while await read(store, one):
        pass


def run_before(
    monkeypatch: pytest.MonkeyPatch, owner: object, method: str, action: Callable[[], Awaitable[None]]
) -> None:
    """Run an action once, just before the next call of this method."""
    original = getattr(owner, method)

    async def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(owner, method, original)
        await action()
        return await original(*arguments)

    monkeypatch.setattr(owner, method, interrupted)


@pytest.mark.parametrize("window", [1, 600_000], ids=["closed", "open"])
@pytest.mark.parametrize("visits", [0, 1])
@pytest.mark.parametrize("bases", [0, 1])
@pytest.mark.parametrize("moment", ["bases", "read_base", "log"])
async def test_log_trimmed_during_a_rebuild_is_not_reported_as_a_wrong_model(
    store: Store, monkeypatch: pytest.MonkeyPatch, window: int, visits: int, bases: int, moment: str
) -> None:
    policy_log, one = PublishedPolicy(store, replace(POLICY, reward=Reward(window=window))), learner(store)
    await policy_log.publish()
    for _ in range(bases):
        await trim(policy_log, 10)
    await policy_log.visit(10)
    await read_all(store, one)
    await one.publish()
    owner, method = (store.log, "read") if moment == "log" else (store.checkpoints, moment)
    run_before(monkeypatch, owner, method, lambda: trim(policy_log, visits))
    assert await verdict(store) in ("equal", "Policy shop/hero: the log was trimmed during the rebuild. Try again.")
    assert await verdict(store) == "equal"


async def verdict(store: Store) -> str:
    try:
        return "equal" if (await rebuild(store, REF)).equal else "wrong"
    except StoreError as error:
        return str(error)
