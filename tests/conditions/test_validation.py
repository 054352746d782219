from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from edgewise.conditions import compiler as targeting
from edgewise.conditions import operators
from edgewise.conditions import validation as conditions
from edgewise.conditions.validation import problems_in
from edgewise.errors import Problem
from tests.policies.strategies import CONDITIONS


@given(CONDITIONS)
def test_a_condition_that_makes_sense_has_no_problems(condition: dict[str, Any]) -> None:
    assert problems_in(condition, "when") == []


def test_the_operators_that_are_checked_are_those_that_are_known() -> None:
    assert set(conditions._OPERATORS) == {"$not", *operators.OPERATORS, *targeting._NESTING}
    assert set(conditions._LOGIC) == set(targeting._LOGIC)


@pytest.mark.parametrize(
    ("condition", "path", "message"),
    [
        ({}, "when", "found an empty condition, expected at least one attribute; leave it out to match everyone"),
        (
            {"device.type": {"$foo": 1}},
            'when["device.type"].$foo',
            "found an unknown operator, expected one of $eq, $ne, $lt, $lte, $gt, $gte, $in, $nin, $ini, $nini, "
            "$exists, $regex, $regexi, $size, $elemMatch, $all, $alli, $not, $type, $veq, $vne, $vlt, $vlte, $vgt, "
            "$vgte",
        ),
        ({"a": {"$regx": "x"}}, "when.a.$regx", '; did you mean "$regex"?'),
        (
            {"$an": [{"a": 1}]},
            "when.$an",
            'found an unknown operator, expected $and, $or, $nor, $not; did you mean "$and"?',
        ),
        (
            {"$in": ["a"]},
            "when.$in",
            'found $in beside attributes, expected it inside one, as in {"page.type" = {$in = …}}',
        ),
        ({"a": {"$and": [{"b": 1}]}}, "when.a.$and", "found an unknown operator"),
        ({"a..b": 1}, 'when["a..b"]', 'found an attribute path with an empty part, expected one such as "device.type"'),
        ({"": 1}, 'when[""]', "found an attribute path with an empty part"),
        (
            {"device": {"type": "mobile"}},
            "when.device",
            "found a table without operators, expected a value or operators",
        ),
        ({"a": {}}, "when.a", "found a table without operators"),
        ({"a": {"$gt": 1, "b": 2}}, "when.a", "found operators and other keys side by side, expected either"),
        ({"$or": []}, "when.$or", "found a list of 0, expected a list of conditions, at least one"),
        ({"$and": {"a": 1}}, "when.$and", "found a table, expected a list of conditions, at least one"),
        ({"$nor": [{"a": 1}, 2]}, "when.$nor[1]", "found 2, expected a condition (a table)"),
        ({"$not": "x"}, "when.$not", 'found "x", expected a condition (a table)'),
        ({"$or": [{"a": {"$gte": True}}]}, "when.$or[0].a.$gte", "found true, expected a number or text"),
        ({"a": {"$gt": float("nan")}}, "when.a.$gt", "found nan, expected a finite number"),
        ({"a": float("inf")}, "when.a", "found inf, expected a finite number"),
        (
            {"a": [1, 2**60]},
            "when.a[1]",
            f"found {2**60}, expected a whole number within ±(2^53 - 1); write it as text",
        ),
        ({"a": {"$eq": [1]}}, "when.a.$eq", "found a list of 1, expected text, a boolean or a number"),
        ({"a": {"$in": "x"}}, "when.a.$in", 'found "x", expected a list of values, at least one'),
        ({"a": {"$nin": []}}, "when.a.$nin", "found a list of 0, expected a list of values, at least one"),
        ({"a": {"$ini": ["x", ["y"]]}}, "when.a.$ini[1]", "found a list of 1, expected text, a boolean or a number"),
        ({"a": {"$exists": 1}}, "when.a.$exists", "found 1, expected true or false"),
        ({"a": {"$regex": "(x"}}, "when.a.$regex", 'found "(x", expected a regular expression as RE2 knows them: '),
        ({"a": {"$regexi": 1}}, "when.a.$regexi", "found 1, expected a regular expression (text)"),
        ({"a": {"$size": -1}}, "when.a.$size", "found -1, expected a whole number from 0 to 100000"),
        ({"a": {"$size": {"$gt": "x", "$lt": []}}}, "when.a.$size.$lt", "found a list of 0, expected a number or text"),
        ({"a": {"$elemMatch": 1}}, "when.a.$elemMatch", "found 1, expected a condition (a table)"),
        ({"a": {"$elemMatch": {"b": {"$x": 1}}}}, "when.a.$elemMatch.b.$x", "found an unknown operator"),
        ({"a": {"$elemMatch": {"$and": []}}}, "when.a.$elemMatch.$and", "found an unknown operator"),
        ({"a": {"$all": "x"}}, "when.a.$all", 'found "x", expected a list of values, at least one'),
        ({"a": {"$alli": [{"$x": 1}]}}, "when.a.$alli[0].$x", "found an unknown operator"),
        ({"a": {"$not": {"$x": 1}}}, "when.a.$not.$x", "found an unknown operator"),
        (
            {"a": {"$type": "text"}},
            "when.a.$type",
            'found "text", expected one of string, number, boolean, array, object, null',
        ),
        (
            {"a": {"$vgt": "latest"}},
            "when.a.$vgt",
            'found "latest", expected a version such as "1.4.0" or "2.0.0-rc.1"',
        ),
        ({"a": {"$veq": 1}}, "when.a.$veq", "found 1, expected a version"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_with_its_path(condition: dict[str, Any], path: str, message: str) -> None:
    problems = problems_in(condition, "when")
    assert [problem.path for problem in problems] == [path]
    assert message in problems[0].message


def test_every_problem_is_found() -> None:
    condition = {"a": {"$foo": 1, "$gt": []}, "$or": [{"b": {"$exists": 0}}, {}]}
    paths = [problem.path for problem in problems_in(condition, "actions[1].when")]
    assert paths == [
        "actions[1].when.a.$foo",
        "actions[1].when.a.$gt",
        "actions[1].when.$or[0].b.$exists",
        "actions[1].when.$or[1]",
    ]


def test_what_is_nested_too_deeply_is_refused() -> None:
    by_logic: dict[str, Any] = {"a": 1}
    by_operators: dict[str, Any] = {"$gt": 1}
    for _ in range(5000):
        by_logic, by_operators = {"$not": by_logic}, {"$not": by_operators}
    too_deep = "found conditions nested more than 16 deep"
    assert [problem.message for problem in problems_in(by_logic, "when")] == [too_deep]
    assert [problem.message for problem in problems_in({"a": by_operators}, "when")] == [too_deep]


def test_null_is_a_value_to_be_equal_to() -> None:
    assert problems_in({"a": None, "b": {"$in": [None]}, "c": {"$ne": None}}, "when") == []


def test_a_problem_is_a_path_and_a_message() -> None:
    assert problems_in({"a": {"$exists": "yes"}}, "when") == [
        Problem("when.a.$exists", 'found "yes", expected true or false')
    ]
