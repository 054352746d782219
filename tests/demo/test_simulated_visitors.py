from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from edgewise.demo.simulated_visitors import (
    CLICK,
    DEFAULT_TASTE,
    ORDER,
    ORDER_RATE,
    SEGMENTS,
    SimulatedVisitor,
    VisitorSegment,
    best_for_all,
    best_for_each,
    generate_visitors,
)

WORTH = {(): 0.0, (CLICK,): 0.2, (CLICK, ORDER): 1.0}
MANY = list(generate_visitors(20_000, 7))


def visitors_of(segment: VisitorSegment) -> list[SimulatedVisitor]:
    return [visitor for visitor in MANY if visitor.segment is segment]


def about(count: int, total: int, probability: float) -> bool:
    """Within four standard deviations."""
    return abs(count - total * probability) < 4 * math.sqrt(total * probability * (1 - probability))


def test_the_same_seed_gives_the_same_visitors() -> None:
    assert list(generate_visitors(200, 7)) == MANY[:200] != list(generate_visitors(200, 8))
    assert len({visitor.id for visitor in MANY}) == len(MANY)


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.name)
def test_visitors_react_with_the_tastes_of_their_segment(segment: VisitorSegment) -> None:
    visitors = visitors_of(segment)
    assert about(len(visitors), len(MANY), segment.share)
    for action, taste in [*segment.tastes.items(), ("unknown", DEFAULT_TASTE)]:
        reactions = [visitor.reaction(action) for visitor in visitors]
        clicks = sum(CLICK in reaction for reaction in reactions)
        assert about(clicks, len(visitors), taste)
        assert about(sum(ORDER in reaction for reaction in reactions), clicks, ORDER_RATE)


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.name)
def test_the_value_of_an_action_is_its_mean_reward(segment: VisitorSegment) -> None:
    for action in segment.tastes:
        rewards = [WORTH[visitor.reaction(action)] for visitor in visitors_of(segment)]
        assert sum(rewards) / len(rewards) == pytest.approx(segment.value(action, WORTH), abs=0.015)


def test_the_context_names_no_segment_and_no_action() -> None:
    for visitor in MANY[:500]:
        sent = json.dumps([visitor.id, visitor.context, visitor.user_agent])
        assert not any(word in sent for word in (visitor.segment.name, *visitor.segment.tastes))


@pytest.mark.parametrize(
    "feature",
    [
        lambda visitor: visitor.context["device"]["type"],
        lambda visitor: visitor.context["page"]["url"],
        lambda visitor: visitor.context["locale"],
    ],
    ids=["device", "source", "locale"],
)
def test_no_single_feature_identifies_a_segment(feature: Callable[[SimulatedVisitor], str]) -> None:
    for value in {feature(visitor) for visitor in MANY}:
        assert len({visitor.segment.name for visitor in MANY if feature(visitor) == value}) > 1


def test_segments_have_distinct_favorites_other_than_the_baseline() -> None:
    favorites = {segment.favorite for segment in SEGMENTS}
    assert len(favorites) == len(SEGMENTS)
    assert "plain" not in favorites


def test_personalization_has_a_higher_reward_than_the_best_single_action() -> None:
    values = [sum(s.share * s.value(action, WORTH) for s in SEGMENTS) for action in SEGMENTS[0].tastes]
    assert best_for_all(SEGMENTS, WORTH) == pytest.approx(max(values))
    assert best_for_each(SEGMENTS, WORTH) > 1.5 * best_for_all(SEGMENTS, WORTH)
