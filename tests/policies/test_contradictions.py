from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.conditions.compiler import matches
from edgewise.errors import Problem
from edgewise.policies.attribute_problems import attribute_problems

ADVICE = "can meet all of its tests. Remove one of them, or write alternatives with $or."


def problems(condition: dict[str, Any]) -> list[Problem]:
    return attribute_problems([(condition, "when")])


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"time.hour": {"$gte": 22, "$lt": 6}}, 'when["time.hour"]'),
        ({"time.hour": {"$gt": 8, "$lt": 9}}, 'when["time.hour"]'),
        ({"visitor.orders": {"$gt": 2, "$lt": 3}}, 'when["visitor.orders"]'),
        ({"visitor.revenue": {"$gte": 100, "$lt": 100}}, 'when["visitor.revenue"]'),
        ({"visitor.orders": {"$exists": False, "$gte": 1}}, 'when["visitor.orders"]'),
        ({"visitor.orders": {"$gte": 3, "$not": {"$gt": 1}}}, 'when["visitor.orders"]'),
        ({"device.type": {"$in": ["mobile", "tv"], "$nin": ["tv", "mobile"]}}, 'when["device.type"]'),
        ({"device.type": "mobile", "$and": [{"device.type": "tv"}]}, 'when.$and[0]["device.type"]'),
        ({"$and": [{"$and": [{"page.path": "/a"}]}, {"page.path": "/b"}]}, 'when.$and[1]["page.path"]'),
        ({"$or": [{"data.x": 1}, {"data.x": {"$gt": 5, "$lt": 2}}]}, 'when.$or[1]["data.x"]'),
        ({"$not": {"visitor.traits.plan": {"$gt": "b", "$lt": "a"}}}, 'when.$not["visitor.traits.plan"]'),
        ({"place.country": {"$eq": "DE", "$ne": "DE"}}, 'when["place.country"]'),
        (
            {"visitor.returning": True, "$and": [{"visitor.returning": {"$ne": True}}]},
            'when.$and[0]["visitor.returning"]',
        ),
    ],
    ids=str,
)
def test_tests_that_no_value_can_meet_together_are_a_problem(condition: dict[str, Any], path: str) -> None:
    ((found, message),) = problems(condition)
    assert found == path
    assert ADVICE in message


def test_a_reversed_range_of_hours_gets_an_example() -> None:
    ((_, message),) = problems({"time.hour": {"$gte": 22, "$lt": 6}})
    assert message.endswith('is $or = [{"time.hour" = {"$gte" = 22}}, {"time.hour" = {"$lt" = 6}}].')
    ((_, message),) = problems({"time.hour": {"$gt": 8, "$lt": 9}})
    assert message.endswith("with $or.")


@pytest.mark.parametrize(
    "condition",
    [
        {"$or": [{"time.hour": {"$gte": 22}}, {"time.hour": {"$lt": 6}}]},
        {"time.hour": {"$gte": 9, "$lt": 10}, "visitor.orders": {"$gt": 2, "$lte": 3}},
        {"visitor.revenue": {"$gt": 2, "$lt": 3, "$ne": 2.5}},
        {"visitor.orders": {"$lt": 1, "$exists": False}},
        {"device.type": {"$nin": ["mobile", "tablet", "desktop", "tv", "console", "wearable", "bot", "other"]}},
        {"data.tags": {"$in": ["a"]}, "$and": [{"data.tags": {"$in": ["b"]}}, {"data.tags": {"$nin": ["c", "d"]}}]},
        {"visitor.cart": {"$in": ["a"], "$nin": ["b"], "$size": 2}},
        {"page.path": {"$gt": "/a", "$lt": "/b", "$regex": "^/a"}},
        {"$and": 5, "$or": {"data.x": 1}, "$not": [1], "data.y": {"$in": 3, "$gt": 1}},
    ],
    ids=str,
)
def test_tests_that_a_value_can_meet_are_no_problem(condition: dict[str, Any]) -> None:
    assert [one for one in problems(condition) if ADVICE in one.message] == []


numbers = st.integers(-3, 30) | st.sampled_from((0.5, 1.5, 22.25, 1e18))
texts = st.sampled_from(("", "a", "b", "ab", "B", "7", "mobile", "tv"))
literals = numbers | texts | st.booleans() | st.none()
tests = st.recursive(
    st.dictionaries(st.sampled_from(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")), literals, min_size=1, max_size=3)
    | st.dictionaries(st.sampled_from(("$in", "$nin")), st.lists(literals, min_size=1, max_size=4), min_size=1)
    | st.dictionaries(st.just("$exists"), st.booleans(), min_size=1),
    lambda inner: st.builds(lambda one, other: {**other, "$not": one}, inner, inner),
    max_leaves=3,
)
VALUES = {
    "time.hour": st.integers(0, 23),
    "visitor.orders": st.integers(0, 40),
    "visitor.revenue": st.floats(-50, 50),
    "device.type": st.sampled_from(("mobile", "tv", "other")),
    "page.type": texts.filter(bool),
    "data.x": literals | st.lists(texts | numbers, max_size=3),
}


@given(st.data(), st.sampled_from(sorted(VALUES)), st.lists(tests | literals, min_size=1, max_size=3))
def test_a_condition_with_a_problem_holds_for_no_value(
    data: st.DataObject, attribute: str, operands: list[Any]
) -> None:
    group, _, name = attribute.partition(".")
    attributes = {group: data.draw(st.fixed_dictionaries({}, optional={name: VALUES[attribute]}))}
    condition = {"$and": [{attribute: operand} for operand in operands]}
    if any(ADVICE in one.message for one in problems(condition)):
        assert not matches(condition, attributes)
