"""The probability of each action to be the best one."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.bandit.best_action import MAX_COMPARED, best_probabilities


@pytest.mark.parametrize("actions", [1, 2, 5, 20])
def test_probabilities_are_those_of_many_draws(actions: int) -> None:
    random = np.random.default_rng(actions)
    means = random.normal(0, 0.02, actions).astype(np.float32)
    deviations = random.uniform(0.002, 0.03, actions).astype(np.float32)
    draws = means + deviations * random.standard_normal((100_000, actions))
    frequencies = np.bincount(draws.argmax(axis=1), minlength=actions) / len(draws)
    assert best_probabilities(means, deviations) == pytest.approx(frequencies, abs=0.06)


@pytest.mark.parametrize("deviation", [0.0, 1e-30, 0.1, 1e10])
@pytest.mark.parametrize("actions", [1, 3, MAX_COMPARED])
def test_equal_actions_have_equal_probabilities(actions: int, deviation: float) -> None:
    probabilities = best_probabilities(np.zeros(actions, np.float32), np.full(actions, deviation, np.float32))
    assert probabilities == pytest.approx(np.full(actions, 1 / actions), rel=1e-5)


def test_among_many_actions_the_likeliest_are_compared() -> None:
    means = np.linspace(0, 1, 1000, dtype=np.float32)
    probabilities = best_probabilities(means, np.full(1000, 0.05, np.float32))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert (probabilities > 0).sum() <= MAX_COMPARED
    assert (np.diff(probabilities) >= -1e-6).all()


def test_a_hopeless_action_has_no_chance_and_a_sure_one_has_all() -> None:
    probabilities = best_probabilities(np.array([0, 1], np.float32), np.array([0.1, 0.1], np.float32))
    assert probabilities.tolist() == [0.0, 1.0]
