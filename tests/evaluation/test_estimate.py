"""The estimator: examples by hand, laws, and a known ground truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.evaluation.estimate import Floats, Mask, snips, snips_difference

Z = 1.959963984540054

Log = tuple[Floats, Floats, Mask, Mask]


def floats(*values: float) -> Floats:
    return np.array(values, dtype=float)


def mask(*values: int) -> Mask:
    return np.array(values, dtype=bool)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Rewards, propensities, and where two policies matched: each in the first two rows at least."""
    size = draw(st.integers(2, 30))
    rewards = draw(st.lists(st.floats(-10, 10), min_size=size, max_size=size))
    propensities = draw(st.lists(st.floats(0.01, 1), min_size=size, max_size=size))
    one = draw(st.lists(st.booleans(), min_size=size - 2, max_size=size - 2))
    other = draw(st.lists(st.booleans(), min_size=size - 2, max_size=size - 2))
    return floats(*rewards), floats(*propensities), mask(1, 1, *one), mask(1, 1, *other)


def test_a_row_weighs_one_over_its_propensity() -> None:
    estimate = snips(floats(1, 0, 1, 9), floats(0.5, 0.25, 0.5, 0.1), mask(1, 1, 1, 0))
    assert estimate.mean == pytest.approx((2 * 1 + 4 * 0 + 2 * 1) / (2 + 4 + 2))
    assert estimate.half_width == pytest.approx(Z * math.sqrt(3 / 2 * (1**2 + 2**2 + 1**2)) / 8)
    assert estimate.rows == 3


def test_no_rows_give_no_mean_and_one_row_gives_no_interval() -> None:
    none = snips(floats(1, 0), floats(0.5, 0.5), mask(0, 0))
    assert math.isnan(none.mean)
    assert math.isnan(none.half_width)
    assert none.rows == 0
    one = snips(floats(1, 0), floats(0.5, 0.5), mask(1, 0))
    assert one.mean == 1
    assert math.isnan(one.half_width)
    assert one.rows == 1


@given(logs(), st.floats(0.01, 1))
def test_equal_propensities_give_the_plain_mean_and_its_interval(log: Log, propensity: float) -> None:
    rewards, _, matched, _ = log
    estimate = snips(rewards, np.full(len(rewards), propensity), matched)
    kept = rewards[matched]
    assert estimate.mean == pytest.approx(kept.mean(), abs=1e-9)
    assert estimate.half_width == pytest.approx(Z * kept.std(ddof=1) / math.sqrt(len(kept)), abs=1e-9)


@given(logs(), st.floats(0.01, 1))
def test_scaled_propensities_give_the_same_estimate(log: Log, scale: float) -> None:
    rewards, propensities, matched, _ = log
    expected = snips(rewards, propensities, matched)
    assert snips(rewards, propensities * scale, matched) == pytest.approx(expected, abs=1e-9)


@given(logs())
def test_the_difference_of_a_policy_and_itself_is_certain(log: Log) -> None:
    rewards, propensities, one, other = log
    difference = snips_difference(rewards, propensities, one, other)
    first, second = snips(rewards, propensities, one), snips(rewards, propensities, other)
    assert difference.mean == pytest.approx(first.mean - second.mean, abs=1e-9)
    assert difference.half_width <= first.half_width + second.half_width + 1e-9
    assert snips_difference(rewards, propensities, one, one)[:2] == (0, 0)


def test_intervals_cover_the_truth_in_95_percent_of_the_cases() -> None:
    """Two kinds of visitors, two actions, a log that prefers the action that is worse for the kind."""
    chance = np.random.default_rng(20080320)
    means = floats(0.1, 0.3, 0.5, 0.2).reshape(2, 2)  # of kind and action
    logged_second = floats(0.2, 0.7)  # the probability of action 1, of kind
    truth, truth_of_single = (0.3 + 0.5) / 2, (0.3 + 0.2) / 2
    covered, covered_difference, estimates = 0, 0, []
    for _ in range(400):
        kind = chance.integers(0, 2, 1500)
        action = (chance.random(1500) < logged_second[kind]).astype(int)
        rewards = (chance.random(1500) < means[kind, action]).astype(float)
        propensities = np.where(action == 1, logged_second[kind], 1 - logged_second[kind])
        estimate = snips(rewards, propensities, action == 1 - kind)
        difference = snips_difference(rewards, propensities, action == 1 - kind, action == 1)
        estimates.append(estimate.mean)
        covered += abs(estimate.mean - truth) <= estimate.half_width
        covered_difference += abs(difference.mean - (truth - truth_of_single)) <= difference.half_width
    assert abs(np.mean(estimates) - truth) < 3 * np.std(estimates) / math.sqrt(400)
    assert 0.92 < covered / 400 < 0.98
    assert 0.92 < covered_difference / 400 < 0.98
