from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.interests import HALF_LIFE, combined, interested, top, worths
from tests.visitors.acts import DAY, NOW

weights = st.tuples(st.sampled_from("abc"), st.sampled_from([0.5, 1.0, 3.0]), st.integers(NOW - 400 * DAY, NOW))


def scores(*many: tuple[str, float, int]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, weight, at in many:
        found = interested(found, name, weight, at, 8)
    return found


def test_interest_halves_every_fourteen_days() -> None:
    found = scores(("shoes", 8.0, NOW))
    strengths = [worths(found, NOW + halves * HALF_LIFE)["shoes"] for halves in range(4)]
    assert strengths == pytest.approx([8.0, 4.0, 2.0, 1.0])


def test_what_is_recent_outweighs_what_was_often() -> None:
    long_ago = [("hats", 1.0, NOW - 90 * DAY)] * 10
    assert top(scores(*long_ago, ("shoes", 1.0, NOW))) == "shoes"


@given(st.lists(weights, max_size=20))
def test_the_order_of_arrival_does_not_matter(many: list[tuple[str, float, int]]) -> None:
    forward, backward = scores(*many), scores(*reversed(many))
    assert forward.keys() == backward.keys()
    assert all(math.isclose(forward[name], backward[name]) for name in forward)


@given(st.lists(weights, max_size=10), st.lists(weights, max_size=10))
def test_two_histories_together_weigh_as_much_as_one(
    one: list[tuple[str, float, int]], other: list[tuple[str, float, int]]
) -> None:
    together, whole = combined(scores(*one), scores(*other), 8), scores(*one, *other)
    assert together.keys() == whole.keys()
    assert all(math.isclose(together[name], whole[name]) for name in whole)


def test_times_far_off_are_weighed_as_far_as_numbers_go() -> None:
    assert math.isfinite(scores(("shoes", 5.0, 2**53))["shoes"])
    assert scores(("shoes", 5.0, -(2**53)))["shoes"] > 0
