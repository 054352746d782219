from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.conditions.compiler import compile_condition, matches
from edgewise.conditions.operators import OPERATORS
from tests.conditions import reference
from tests.conditions.strategies import ATTRIBUTES, CONDITIONS, KEYS

OPERATOR_NAMES = ["$and", "$or", "$nor", "$not", "$elemMatch", "$size", "$all", "$alli", *OPERATORS, "$foo"]

VISITOR: Mapping[str, Any] = {
    "visitor": {"segments": ["student", "returning"], "traits": {"plan": "Pro", "age": 30, "vip": False}},
    "device": {"type": "mobile", "os": "17.4.1", "touch": True},
    "data": {
        "basketValue": 30,
        "coupon": None,
        "lines": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 0}],
        "score": "8",
    },
}


@given(CONDITIONS, ATTRIBUTES)
def test_a_compiled_condition_agrees_with_the_reference_interpreter(
    condition: dict[str, Any], attributes: dict[str, Any]
) -> None:
    assert matches(condition, attributes) is reference.holds(condition, attributes)


@given(CONDITIONS, ATTRIBUTES)
def test_a_compiled_condition_has_no_state(condition: dict[str, Any], attributes: dict[str, Any]) -> None:
    compiled = compile_condition(condition)
    assert compiled(attributes) is compiled(attributes) is matches(condition, attributes)


@pytest.mark.parametrize("value", [[[]], [{}], ["b", []], [[], "a"], [["a"]], [None, {"a": []}]])
def test_a_list_may_have_unhashable_elements(value: list[Any]) -> None:
    for operator, expected in (("$in", "a" in value), ("$nin", "a" not in value)):
        condition = {"data.tags": {operator: ["a"]}}
        assert compile_condition(condition)({"data": {"tags": value}}) is expected
        assert reference.holds(condition, {"data": {"tags": value}}) is expected
        nested = {"data.lines": {"$elemMatch": {"tags": {operator: ["a"]}}}}
        assert compile_condition(nested)({"data": {"lines": [{"tags": value}]}}) is expected


@given(CONDITIONS, ATTRIBUTES)
def test_not_negates_every_condition(condition: dict[str, Any], attributes: dict[str, Any]) -> None:
    assert matches({"$not": condition}, attributes) is not matches(condition, attributes)
    assert matches({"$nor": [condition]}, attributes) is not matches(condition, attributes)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # Paths and equality
        ({}, True),
        ({"device.type": "mobile"}, True),
        ({"device.type": "desktop"}, False),
        ({"device.type": "mobile", "data.basketValue": 31}, False),
        ({"device": {"type": "mobile", "os": "17.4.1", "touch": True}}, True),
        ({"device": {"touch": True, "os": "17.4.1", "type": "mobile"}}, True),
        ({"device": {"type": "mobile"}}, False),
        ({"visitor.segments": ["student", "returning"]}, True),
        ({"visitor.segments": ["returning", "student"]}, False),
        ({"visitor.segments.0": "student"}, False),
        ({"visitor.segments": "student,returning"}, True),
        ({"visitor.traits.age": "30"}, True),
        ({"data.score": 8}, True),
        ({"visitor.traits.vip": False}, True),
        ({"device.touch": 1}, True),
        # A missing attribute is null: 0 as a number, "null" as text, and neither true nor false
        ({"data.nothing": None}, True),
        ({"data.coupon": None}, True),
        ({"data.coupon": "null"}, True),
        ({"data.nothing": 0}, True),
        ({"data.nothing": False}, False),
        ({"data.nothing.further.down": {"$exists": False}}, True),
        ({"data.coupon": {"$exists": True}}, False),
        ({"data.nothing": {"$gt": -1, "$lt": 1, "$gte": 0, "$lte": 0}}, True),
        ({"data.nothing": {"$lt": "a"}}, False),
        ({"data.nothing": {"$ne": "x"}}, True),
        # No pattern is in an absent attribute
        ({"data.nothing": {"$regex": "ul"}}, False),
        ({"data.coupon": {"$regexi": "NULL"}}, False),
        ({"data.nothing": {"$regex": ".*"}}, False),
        ({"data.nothing": {"$notRegex": "ul"}}, True),
        ({"data.nothing": {"$notRegexi": "."}}, True),
        ({"data.nothing": {"$not": {"$regex": ""}}}, True),
        # Strict equality and order
        ({"data.score": {"$eq": 8}}, False),
        ({"data.score": {"$eq": "8"}}, True),
        ({"device.touch": {"$eq": 1}}, False),
        ({"visitor.traits.age": {"$eq": 30.0}}, True),
        ({"visitor.segments": {"$eq": ["student", "returning"]}}, False),
        ({"data.score": {"$gt": 7, "$lt": 10}}, True),
        ({"data.score": {"$lt": "10"}}, False),
        ({"data.basketValue": {"$lt": "200"}}, True),
        ({"visitor.traits.plan": {"$gt": "Free", "$lt": "Q"}}, True),
        ({"visitor.traits.plan": {"$gt": 1}}, False),
        # Lists
        ({"visitor.segments": {"$in": ["student"]}}, True),
        ({"visitor.segments": {"$nin": ["student"]}}, False),
        ({"visitor.segments": {"$in": ["STUDENT"]}}, False),
        ({"visitor.segments": {"$ini": ["STUDENT"]}}, True),
        ({"device.type": {"$nini": ["Mobile", "tablet"]}}, False),
        ({"device.touch": {"$in": [1]}}, False),
        ({"data.nothing": {"$in": [None]}}, True),
        ({"visitor.segments": {"$all": ["returning", {"$regex": "^stud"}]}}, True),
        ({"visitor.segments": {"$all": ["Student"]}}, False),
        ({"visitor.segments": {"$alli": ["Student", "RETURNING"]}}, True),
        ({"visitor.segments": {"$size": 2}}, True),
        ({"visitor.segments": {"$size": {"$gt": 2}}}, False),
        ({"device.type": {"$size": 6}}, False),
        ({"data.lines": {"$elemMatch": {"sku": "b", "qty": {"$lt": 1}}}}, True),
        ({"data.lines": {"$elemMatch": {"sku": "a", "qty": {"$lt": 1}}}}, False),
        ({"visitor.segments": {"$elemMatch": {"$regex": "turn"}}}, True),
        ({"visitor.segments": {"$not": {"$elemMatch": {"$eq": "vip"}}}}, True),
        # Text, types, versions
        ({"device.os": {"$regex": "^17\\."}}, True),
        ({"visitor.traits.plan": {"$regex": "pro"}}, False),
        ({"visitor.traits.plan": {"$regexi": "pro"}}, True),
        ({"visitor.traits.plan": {"$notRegex": "pro"}}, True),
        ({"visitor.traits.plan": {"$notRegex": "Pro"}}, False),
        ({"visitor.traits.plan": {"$notRegex": "^(Pro|Team)$"}}, False),
        ({"visitor.traits.plan": {"$notRegexi": "pro"}}, False),
        ({"visitor.traits.plan": {"$notRegexi": "team"}}, True),
        ({"visitor.traits.age": {"$regex": "^3"}}, True),
        ({"visitor.segments": {"$notRegex": "vip"}}, True),
        ({"data.lines": {"$type": "array"}, "data": {"$type": "object"}, "data.coupon": {"$type": "null"}}, True),
        ({"device.touch": {"$type": "number"}}, False),
        ({"device.os": {"$vgte": "17.4", "$vlt": "17.10.0"}}, True),
        ({"device.os": {"$vgt": "17.4.1-beta", "$veq": "v17.4.1+build", "$vne": "17.4.2"}}, True),
        # Logic
        ({"$and": [], "$or": []}, True),
        ({"$nor": []}, False),
        ({"$or": [{"device.type": "desktop"}, {"data.basketValue": {"$gte": 30}}]}, True),
        ({"$and": [{"device.type": "mobile"}, {"$nor": [{"data.basketValue": 30}]}]}, False),
        ({"$not": {"device.type": "mobile"}}, False),
    ],
    ids=str,
)
def test_a_condition_has_growthbooks_semantics(condition: dict[str, Any], expected: bool) -> None:
    assert matches(condition, VISITOR) is expected


@pytest.mark.parametrize(
    "condition",
    [
        {"device.type": {"$foo": "mobile"}},
        {"device.type": {"$in": "mobile"}},
        {"device.type": {"$nin": "mobile"}},
        {"device.type": {"$regex": "("}},
        {"device.type": {"$regex": 1}},
        {"device.type": {"$notRegex": "("}},
        {"device.type": {"$notRegexi": 1}},
        {"visitor.segments": {"$elemMatch": 1}},
        {"visitor.segments": {"$all": "student"}},
        {"$or": "x"},
        {"$and": [1]},
        {"$not": {"$not": 1}},
    ],
    ids=str,
)
def test_an_invalid_condition_never_holds(condition: dict[str, Any]) -> None:
    assert matches(condition, VISITOR) is False


@given(
    st.lists(st.from_regex(r"\^?[ab A/_-]{1,3}", fullmatch=True), min_size=1, max_size=3).map("|".join),
    st.one_of(st.text("ab A/_-\nc", max_size=8), st.integers(-1, 1), st.lists(st.sampled_from("ab"))),
)
def test_a_plain_pattern_matches_like_the_same_pattern_in_re2(pattern: str, subject: Any) -> None:
    for operator in ("$regex", "$notRegex"):
        plain, in_brackets = ({"a": {operator: one}} for one in (pattern, f"(?:{pattern})"))
        assert matches(plain, {"a": subject}) is matches(in_brackets, {"a": subject})


def test_a_pattern_searches_only_the_beginning_of_a_long_text() -> None:
    assert matches({"a": {"$regex": "b"}}, {"a": "a" * 4095 + "b"})
    assert not matches({"a": {"$regex": "b"}}, {"a": "a" * 4096 + "b"})


def test_no_path_leads_to_a_key_with_a_dot() -> None:
    assert not matches({"device.type": "mobile"}, {"device.type": "mobile"})


def test_elem_match_skips_null_but_neither_zero_nor_empty_text() -> None:
    assert not matches({"a": {"$elemMatch": {"$lt": 5}}}, {"a": [None]})
    assert matches({"a": {"$elemMatch": {"$lt": 5}}}, {"a": [0]})
    assert matches({"a": {"$elemMatch": {"$eq": ""}}}, {"a": [""]})


def test_attributes_may_be_any_mapping() -> None:
    assert matches({"a.b": 1}, MappingProxyType({"a": MappingProxyType({"b": 1})}))


HOSTILE_SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**4000, -(10**4000), 10**400, 2**53 + 1]),
    st.floats(),
    st.text(st.characters(exclude_categories=())),
    st.binary(max_size=8),
    st.sampled_from([object(), {1, 2}, datetime.date(2024, 2, 29), "1" * 5000, "a" * 100_000, "\ud800", "1.1" * 2000]),
)


def nested(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(keys, inner)),
        max_leaves=8,
    )


HOSTILE = nested(HOSTILE_SCALARS, st.one_of(KEYS, st.integers()))
OPERANDS = nested(HOSTILE_SCALARS, st.one_of(KEYS, st.sampled_from(OPERATOR_NAMES)))


@given(CONDITIONS, st.dictionaries(KEYS, HOSTILE))
def test_no_attribute_makes_a_condition_raise(condition: dict[str, Any], attributes: dict[str, Any]) -> None:
    assert matches(condition, attributes) in (True, False)


@given(st.dictionaries(st.one_of(KEYS, st.sampled_from(OPERATOR_NAMES)), OPERANDS), ATTRIBUTES)
def test_no_condition_makes_matching_raise(condition: dict[str, Any], attributes: dict[str, Any]) -> None:
    assert matches(condition, attributes) in (True, False)


EVERY_KIND_OF_TEST: list[Any] = [
    *("x", 1, True, None, [1]),
    *(
        {name: "1.0.0"}
        for name in ("$eq", "$ne", "$lt", "$gte", "$regex", "$regexi", "$notRegex", "$notRegexi", "$vgt", "$veq")
    ),
    *({name: 1} for name in ("$eq", "$gt", "$size")),
    *({name: ["x", 1]} for name in ("$in", "$nini", "$all", "$alli")),
    *({"$elemMatch": {"$gt": 1}}, {"$not": {"$type": "null"}}, {"$exists": True}),
]


@pytest.mark.parametrize("operand", EVERY_KIND_OF_TEST, ids=str)
def test_deeply_nested_attributes_never_raise(operand: Any) -> None:
    lists: Any = []
    mappings: Any = {}
    for _ in range(20_000):
        lists, mappings = [lists], {"a": mappings}
    for deep in (lists, mappings, [mappings]):
        assert matches({"a": operand}, {"a": deep}) in (True, False)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**5000, -(10**5000)], ids=lambda n: str(n > 0))
@pytest.mark.parametrize("operand", EVERY_KIND_OF_TEST, ids=str)
def test_extreme_numbers_never_raise(operand: Any, number: float) -> None:
    assert matches({"a": operand}, {"a": number}) in (True, False)


def test_numbers_that_are_not_finite_compare_as_in_javascript() -> None:
    assert not matches({"a": {"$gt": 0}}, {"a": math.nan})
    assert not matches({"a": {"$lte": 0}}, {"a": math.nan})
    assert matches({"a": {"$gt": 10**300}}, {"a": "Infinity"})
    assert matches({"a": {"$gt": 1e300}}, {"a": 10**5000})
    assert not matches({"a": True}, {"a": math.nan})
