from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.interests import HALF_LIFE, add_interest, find_current_worths, find_top, merge_interests
from tests.visitors.activities import DAY, NOW

weights = st.tuples(st.sampled_from("abc"), st.sampled_from([0.5, 1.0, 3.0]), st.integers(NOW - 400 * DAY, NOW))


def scores(*many: tuple[str, float, int]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, weight, at in many:
        found = add_interest(found, name, weight, at, 8)
    return found


def test_interest_halves_every_fourteen_days() -> None:
    found = scores(("shoes", 8.0, NOW))
    strengths = [find_current_worths(found, NOW + halves * HALF_LIFE)["shoes"] for halves in range(4)]
    assert strengths == pytest.approx([8.0, 4.0, 2.0, 1.0])


def test_recent_interest_outweighs_frequent_old_interest() -> None:
    long_ago = [("hats", 1.0, NOW - 90 * DAY)] * 10
    assert find_top(scores(*long_ago, ("shoes", 1.0, NOW))) == "shoes"


@given(st.lists(weights, max_size=20))
def test_scores_do_not_depend_on_the_order_of_arrival(many: list[tuple[str, float, int]]) -> None:
    forward, backward = scores(*many), scores(*reversed(many))
    assert forward.keys() == backward.keys()
    assert all(math.isclose(forward[name], backward[name]) for name in forward)


@given(st.lists(weights, max_size=10), st.lists(weights, max_size=10))
def test_merged_scores_equal_the_scores_of_one_history(
    one: list[tuple[str, float, int]], other: list[tuple[str, float, int]]
) -> None:
    together, whole = merge_interests(scores(*one), scores(*other), 8), scores(*one, *other)
    assert together.keys() == whole.keys()
    assert all(math.isclose(together[name], whole[name]) for name in whole)


def test_scores_at_extreme_times_stay_finite_and_positive() -> None:
    assert math.isfinite(scores(("shoes", 5.0, 2**53))["shoes"])
    assert scores(("shoes", 5.0, -(2**53)))["shoes"] > 0
