from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from edgewise.demo.simulated_visitors import (
    CLICK,
    INDIFFERENT,
    ORDER,
    RESOLVE,
    SEGMENTS,
    Segment,
    Visitor,
    arriving,
    best_for_all,
    best_for_each,
)

WORTH = {(): 0.0, (CLICK,): 0.2, (CLICK, ORDER): 1.0}
MANY = list(arriving(20_000, 7))


def of(segment: Segment) -> list[Visitor]:
    return [visitor for visitor in MANY if visitor.segment is segment]


def about(count: int, total: int, probability: float) -> bool:
    """Within four standard deviations."""
    return abs(count - total * probability) < 4 * math.sqrt(total * probability * (1 - probability))


def test_the_same_seed_gives_the_same_visitors() -> None:
    assert list(arriving(200, 7)) == MANY[:200] != list(arriving(200, 8))
    assert len({visitor.id for visitor in MANY}) == len(MANY)


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.name)
def test_visitors_act_on_the_tastes_of_their_segment(segment: Segment) -> None:
    visitors = of(segment)
    assert about(len(visitors), len(MANY), segment.share)
    for action, taste in [*segment.tastes.items(), ("unheard of", INDIFFERENT)]:
        reactions = [visitor.reaction(action) for visitor in visitors]
        clicks = sum(CLICK in reaction for reaction in reactions)
        assert about(clicks, len(visitors), taste)
        assert about(sum(ORDER in reaction for reaction in reactions), clicks, RESOLVE)


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.name)
def test_the_value_of_an_action_is_the_mean_reward_of_those_who_see_it(segment: Segment) -> None:
    for action in segment.tastes:
        rewards = [WORTH[visitor.reaction(action)] for visitor in of(segment)]
        assert sum(rewards) / len(rewards) == pytest.approx(segment.value(action, WORTH), abs=0.015)


def test_nothing_that_is_sent_names_a_segment_or_a_taste() -> None:
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
def test_no_single_feature_gives_a_segment_away(feature: Callable[[Visitor], str]) -> None:
    for value in {feature(visitor) for visitor in MANY}:
        assert len({visitor.segment.name for visitor in MANY if feature(visitor) == value}) > 1


def test_each_segment_has_a_favourite_of_its_own_and_none_is_the_baseline() -> None:
    favourites = {segment.favourite for segment in SEGMENTS}
    assert len(favourites) == len(SEGMENTS)
    assert "plain" not in favourites


def test_showing_each_their_own_is_worth_more_than_the_best_one_for_all() -> None:
    values = [sum(s.share * s.value(action, WORTH) for s in SEGMENTS) for action in SEGMENTS[0].tastes]
    assert best_for_all(SEGMENTS, WORTH) == pytest.approx(max(values))
    assert best_for_each(SEGMENTS, WORTH) > 1.5 * best_for_all(SEGMENTS, WORTH)
