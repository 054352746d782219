"""Exploration: the floor and the draw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.bandit.exploration import draw, with_floor

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=30).filter(lambda q: sum(q) > 1e-3)


@given(PROBABILITIES, st.floats(1e-6, 1))
def test_the_floor_bounds_every_propensity(q: list[float], floor: float) -> None:
    propensities = with_floor(q, floor)
    assert sum(propensities) == pytest.approx(1)
    assert min(propensities) >= floor / len(q) * (1 - 1e-9)


@given(PROBABILITIES, st.floats(0, 1, exclude_max=True))
def test_a_draw_chooses_the_action_whose_share_contains_the_point(q: list[float], point: float) -> None:
    propensities = with_floor(q, 0.1)
    position = draw(propensities, point)
    before = sum(propensities[:position])
    assert before - 1e-9 <= point <= before + propensities[position] + 1e-9
