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
from tests.learner.stage import POLICY, REF, Stage, learner, read


async def trim(stage: Stage, visits: int) -> None:
    """The log goes on for so many visits, and a learner trims it to a base that it writes."""
    await stage.visit(visits)
    one = learner(stage.store, log_bytes=1)
    await read_all(stage.store, one)
    await one.keep_within_bounds()


async def read_all(store: Store, one: PolicyLearner) -> None:
    while await read(store, one):
        pass


def just_before(
    monkeypatch: pytest.MonkeyPatch, owner: object, method: str, happening: Callable[[], Awaitable[None]]
) -> None:
    """Let something happen once, just before this method is called the next time."""
    original = getattr(owner, method)

    async def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(owner, method, original)
        await happening()
        return await original(*arguments)

    monkeypatch.setattr(owner, method, interrupted)


@pytest.mark.parametrize("window", [1, 600_000], ids=["closed", "open"])
@pytest.mark.parametrize("visits", [0, 1])
@pytest.mark.parametrize("bases", [0, 1])
@pytest.mark.parametrize("moment", ["bases", "read_base", "log"])
async def test_a_log_that_is_trimmed_while_it_is_rebuilt_is_not_taken_for_a_wrong_model(
    store: Store, monkeypatch: pytest.MonkeyPatch, window: int, visits: int, bases: int, moment: str
) -> None:
    stage, one = Stage(store, replace(POLICY, reward=Reward(window=window))), learner(store)
    await stage.publish()
    for _ in range(bases):
        await trim(stage, 10)
    await stage.visit(10)
    await read_all(store, one)
    await one.publish()
    owner, method = (store.log, "read") if moment == "log" else (store.checkpoints, moment)
    just_before(monkeypatch, owner, method, lambda: trim(stage, visits))
    assert await verdict(store) in ("equal", "policy shop/hero: the log was trimmed while it was read; try again")
    assert await verdict(store) == "equal"


async def verdict(store: Store) -> str:
    try:
        return "equal" if (await rebuild(store, REF)).equal else "wrong"
    except StoreError as error:
        return str(error)
