"""The byte limit of all logs together."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.learner.log_budget import LogBudget, fair_share
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.learner.rebuild import rebuild
from edgewise.learner.retention import Retention
from edgewise.policies.policy import Policy, Reward
from edgewise.store import Store
from edgewise.types import PolicyRef
from tests.learner.published_policy import DAY, POLICY, PublishedPolicy, read

OPEN = replace(POLICY, reward=Reward(window=600_000))


async def learned(store: Store, placement: str, visits: int, policy: Policy = POLICY) -> PolicyLearner:
    """A learner that has folded so many visits of a new policy."""
    policy_log = PublishedPolicy(store, policy, PolicyRef("shop", placement))
    await policy_log.publish()
    await policy_log.visit(visits)
    one = PolicyLearner(store, policy_log.ref)
    while await read(store, one) or one.fold is None or (policy is POLICY and one.fold.open_decisions):
        pass
    return one


async def apply(store: Store, limit: int, *learners: PolicyLearner) -> list[int]:
    """Apply the limit, and return the sizes of the logs."""
    await LogBudget(store, Retention(store, 30 * DAY), limit).apply(learners)
    return await store.log.sizes(one.ref for one in learners)


async def test_logs_within_the_limit_together_stay_whole(store: Store) -> None:
    learners = [await learned(store, name, visits) for name, visits in (("one", 150), ("other", 20))]
    before = await store.log.sizes(one.ref for one in learners)
    assert await apply(store, sum(before), *learners) == before


async def test_the_largest_log_loses_its_history_first(store: Store) -> None:
    small, large = await learned(store, "small", 120), await learned(store, "large", 300)
    before = await store.log.sizes([small.ref, large.ref])
    after = await apply(store, sum(before) - 1, small, large)
    assert after[0] == before[0]
    assert after[1] < before[1] / 2
    for one in (small, large):
        assert await one.publish() is not None
        assert (await rebuild(store, one.ref)).equal


async def test_logs_of_removed_policies_count_and_lose_their_history_first(store: Store) -> None:
    live, gone = await learned(store, "live", 200), await learned(store, "gone", 100)
    assert await gone.publish() is not None
    before = await store.log.sizes([live.ref, gone.ref])
    await LogBudget(store, Retention(store, 30 * DAY), sum(before) - 1).apply([live], [gone.ref])
    after = await store.log.sizes([live.ref, gone.ref])
    assert after[0] == before[0]
    assert after[1] < before[1] / 2


async def test_open_decisions_stay_while_idle_logs_have_history(store: Store) -> None:
    busy, idle = await learned(store, "busy", 100, OPEN), await learned(store, "idle", 60)
    sizes = await store.log.sizes([busy.ref, idle.ref])
    after = await apply(store, sizes[0] + 5000, busy, idle)
    assert sum(after) <= sizes[0] + 5000
    assert await read(store, busy) is False, "nothing was cut"
    assert busy.fold is not None
    assert busy.fold.open_decisions == 100


async def test_only_logs_above_their_fair_share_are_cut(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    large, small = await learned(store, "large", 300, OPEN), await learned(store, "small", 20, OPEN)
    limit = (await store.log.sizes([small.ref]))[0] * 2 + 5000
    with caplog.at_level(logging.WARNING, "edgewise.learner.log_budget"):
        await apply(store, limit, large, small)
    for one in (large, small):
        await read(store, one)
    assert [one.fold.open_decisions for one in (large, small) if one.fold is not None] == [0, 20]
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert ["shop/large: The logs exceed" in warning for warning in warnings] == [True]
    assert sum(await apply(store, limit, large, small)) <= limit


async def test_no_more_logs_are_cut_than_the_limit_needs(store: Store) -> None:
    largest, large = await learned(store, "largest", 300, OPEN), await learned(store, "large", 200, OPEN)
    sizes = await store.log.sizes([largest.ref, large.ref])
    await apply(store, 2 * sizes[1] - 1000, largest, large)
    for one in (largest, large):
        await read(store, one)
    assert [one.fold.open_decisions for one in (largest, large) if one.fold is not None] == [0, 200]


async def test_a_policy_that_another_learner_has_does_not_stop_the_others(store: Store) -> None:
    displaced, one = await learned(store, "displaced", 100), await learned(store, "one", 90)
    await store.checkpoints.raise_epoch(displaced.ref)
    before = await store.log.sizes([displaced.ref, one.ref])
    after = await apply(store, 1, displaced, one)
    assert after[0] >= before[0]
    assert after[1] < before[1] / 2


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(1, 5000))
def test_logs_capped_at_the_fair_share_fill_the_limit(sizes: list[int], limit: int) -> None:
    share = fair_share(sizes, limit)
    capped = sum(min(size, share) for size in sizes)
    assert capped <= limit + 1e-6
    if sum(sizes) > limit:
        assert capped == pytest.approx(limit)
