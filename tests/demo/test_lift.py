from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

import pytest

from edgewise.demo.lift import ALPHA, ENOUGH, Lift, Rewards, lift

RUNS = 150
VISITORS = 3000
EVERY = 100
"""Visitors between two looks."""


def of(rewards: list[float]) -> Rewards:
    group = Rewards()
    for reward in rewards:
        group.add(reward)
    return group


def watched(random: Random, policy_rate: float, control_rate: float) -> Iterator[Lift]:
    """Every interval that one who looks again and again gets to see. One of five visitors is in the control group."""
    policy, control = Rewards(), Rewards()
    for visitor in range(1, VISITORS + 1):
        group, rate = (control, control_rate) if random.random() < 0.2 else (policy, policy_rate)
        group.add(random.choice((0.2, 1.0)) if random.random() < rate else 0.0)
        if visitor % EVERY == 0 and (found := lift(policy, control, VISITORS)) is not None:
            yield found


@pytest.mark.parametrize(("policy_rate", "control_rate"), [(0.1, 0.1), (0.2, 0.1)])
def test_the_interval_holds_the_truth_at_all_looks_at_once(policy_rate: float, control_rate: float) -> None:
    truth, random = policy_rate / control_rate - 1, Random(3)
    missed = sum(
        any(not found.low <= truth <= found.high for found in watched(random, policy_rate, control_rate))
        for _ in range(RUNS)
    )
    assert missed <= ALPHA * RUNS + 2 * math.sqrt(ALPHA * (1 - ALPHA) * RUNS)


def test_a_lift_that_is_there_is_found() -> None:
    *_, last = watched(Random(5), 0.25, 0.1)
    assert last.low > 0


def test_the_lift_is_the_ratio_of_the_means() -> None:
    found = lift(of([0.0, 1.0] * 50), of([0.0, 0.5] * 50), 200)
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert found.low < 1.0 < found.high


def test_there_is_no_interval_until_both_groups_have_rewarded_visitors_enough() -> None:
    enough, too_few = of([1.0, 0.0] * ENOUGH), of([1.0, 0.0] * (ENOUGH - 1) + [0.0] * 500)
    assert lift(enough, too_few, 100) is None
    assert lift(too_few, enough, 100) is None
    assert lift(enough, enough, 100) is not None


def test_rewards_have_a_mean_and_a_variance() -> None:
    rewards = of([0.0, 0.2, 1.0, 0.0])
    assert (rewards.visitors, rewards.rewarded) == (4, 2)
    assert rewards.mean == pytest.approx(0.3)
    assert rewards.variance == pytest.approx(0.17)
    assert math.isnan(Rewards().mean)
