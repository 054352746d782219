from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

import pytest

from edgewise.demo.lift import ALPHA, MIN_REWARDED, GroupRewards, Lift, estimate_lift

RUNS = 150
VISITORS = 3000
EVERY = 100
"""Visitors between two intervals."""


def group_of(rewards: list[float]) -> GroupRewards:
    group = GroupRewards()
    for reward in rewards:
        group.add(reward)
    return group


def intervals(random: Random, policy_rate: float, control_rate: float) -> Iterator[Lift]:
    """An interval after every `EVERY` visitors. One visitor in five is in the control group."""
    policy, control = GroupRewards(), GroupRewards()
    for visitor in range(1, VISITORS + 1):
        group, rate = (control, control_rate) if random.random() < 0.2 else (policy, policy_rate)
        group.add(random.choice((0.2, 1.0)) if random.random() < rate else 0.0)
        if visitor % EVERY == 0 and (found := estimate_lift(policy, control, VISITORS)) is not None:
            yield found


@pytest.mark.parametrize(("policy_rate", "control_rate"), [(0.1, 0.1), (0.2, 0.1)])
def test_the_intervals_of_a_run_all_contain_the_true_lift(policy_rate: float, control_rate: float) -> None:
    truth, random = policy_rate / control_rate - 1, Random(3)
    missed = sum(
        any(not found.low <= truth <= found.high for found in intervals(random, policy_rate, control_rate))
        for _ in range(RUNS)
    )
    assert missed <= ALPHA * RUNS + 2 * math.sqrt(ALPHA * (1 - ALPHA) * RUNS)


def test_a_large_lift_is_significant() -> None:
    *_, last = intervals(Random(5), 0.25, 0.1)
    assert last.low > 0


def test_the_lift_is_the_ratio_of_the_means() -> None:
    found = estimate_lift(group_of([0.0, 1.0] * 50), group_of([0.0, 0.5] * 50), 200)
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert found.low < 1.0 < found.high


def test_an_interval_requires_enough_rewarded_visitors_in_both_groups() -> None:
    enough, too_few = group_of([1.0, 0.0] * MIN_REWARDED), group_of([1.0, 0.0] * (MIN_REWARDED - 1) + [0.0] * 500)
    assert estimate_lift(enough, too_few, 100) is None
    assert estimate_lift(too_few, enough, 100) is None
    assert estimate_lift(enough, enough, 100) is not None


def test_rewards_have_a_mean_and_a_variance() -> None:
    rewards = group_of([0.0, 0.2, 1.0, 0.0])
    assert (rewards.visitors, rewards.rewarded) == (4, 2)
    assert rewards.mean == pytest.approx(0.3)
    assert rewards.variance == pytest.approx(0.17)
    assert math.isnan(GroupRewards().mean)
