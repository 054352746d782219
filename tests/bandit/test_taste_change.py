"""The surprise of rewards, which shows changes of taste."""

from __future__ import annotations

from random import Random

import pytest

from edgewise.bandit.taste_change import surprise, threshold


def added_up(seed: int, chance: float, expected: float, average: float, rewards: int) -> float:
    """The highest sum of surprises, if this is the chance of each reward."""
    random, total, highest = Random(seed), 0.0, 0.0
    for _ in range(rewards):
        total = max(0.0, total + surprise(float(random.random() < chance), expected, 0.005, average))
        highest = max(highest, total)
    return highest


def test_rewards_as_expected_show_no_change() -> None:
    highest = [added_up(seed, 0.08, 0.08, 0.04, 20_000) for seed in range(20)]
    assert sum(one > threshold(20_000) for one in highest) <= 1


def test_rewards_of_an_average_action_show_a_change() -> None:
    assert all(added_up(seed, 0.04, 0.08, 0.04, 3000) > threshold(20_000) for seed in range(20))


@pytest.mark.parametrize("reward", [0.0, 0.3, 1.0])
def test_an_expectation_within_its_doubt_is_no_evidence(reward: float) -> None:
    assert surprise(reward, 0.06, 0.1, 0.04) == pytest.approx(0.0)
    assert surprise(reward, 0.02, 0.1, 0.04) == pytest.approx(0.0)


@pytest.mark.parametrize("expected", [-5.0, 0.0, 1.0, 7.0])
def test_one_reward_alone_is_no_proof(expected: float) -> None:
    assert all(abs(surprise(reward, expected, 0.0, 0.5)) < threshold(0) for reward in (0.0, 1.0))
