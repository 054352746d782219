"""Bootstrap and Holm's correction on cases with known results."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.quality.significance import bootstrap_interval, bootstrap_p, holm


def test_holm_multiplies_by_the_number_of_remaining_comparisons() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_p_value_is_twice_the_smaller_tail_of_the_resamples() -> None:
    # A resample of three values has a mean of at most zero with two or three times -1: 7 of 27.
    assert bootstrap_p([1, 1, -1]) == pytest.approx(14 / 27, abs=0.01)


def test_equal_signs_give_the_smallest_p_value_that_the_number_of_seeds_allows() -> None:
    assert bootstrap_p([1.0, 2.0]) == 0.5
    assert bootstrap_p([1.0, 2.0, 3.0, 4.0]) == pytest.approx(2 / 256)
    assert bootstrap_p([1.0] * 10) == pytest.approx(2e-5)


def test_no_difference_is_not_significant() -> None:
    assert bootstrap_p([0.0] * 10) == 1
    assert bootstrap_p([1.0, -1.0] * 5) > 0.9
    assert bootstrap_p([3.0]) == 1


def test_an_interval_has_the_width_of_a_normal_one_for_many_seeds() -> None:
    values = np.random.default_rng(0).normal(2, 1, 50)
    low, high = bootstrap_interval(values.tolist())
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(50), rel=0.05)
    assert all(map(math.isnan, bootstrap_interval([1.0])))
