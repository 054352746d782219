from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from edgewise.conditions import compiler, operators, validation
from edgewise.conditions.validation import problems_in
from edgewise.errors import Problem
from tests.conditions.strategies import CONDITIONS

EMPTY = "Empty condition. Test at least one attribute, or remove the condition to match everyone."


@given(CONDITIONS)
def test_a_valid_condition_has_no_problems(condition: dict[str, Any]) -> None:
    assert problems_in(condition, "when") == []


def test_validation_and_compiler_have_the_same_operators() -> None:
    assert set(validation._OPERATORS) == {"$not", *operators.OPERATORS, *compiler._NESTING}
    assert set(validation._LOGIC) == set(compiler._LOGIC)


@pytest.mark.parametrize(
    ("condition", "path", "message"),
    [
        ({}, "when", EMPTY),
        (
            {"device.type": {"$foo": 1}},
            'when["device.type"].$foo',
            'Unknown operator "$foo". Use one of $eq, $ne, $lt, $lte, $gt, $gte, $in, $nin, $ini, $nini, '
            "$exists, $regex, $regexi, $notRegex, $notRegexi, $size, $elemMatch, $all, $alli, $not, $type, $veq, "
            "$vne, $vlt, $vlte, $vgt, $vgte.",
        ),
        ({"a": {"$inGroup": "vips"}}, "when.a.$inGroup", "Operator $inGroup needs a saved group of GrowthBook. Define"),
        ({"$savedGroups": ["vips"]}, "when.$savedGroups", "Operator $savedGroups needs a saved group of GrowthBook."),
        ({"a": {"$notRegex": "(x"}}, "when.a.$notRegex", 'Expected a regular expression for RE2, found "(x".'),
        ({"a": {"$notRegexi": ""}}, "when.a.$notRegexi", 'Expected a regular expression (text), found "".'),
        ({"a": {"$regx": "x"}}, "when.a.$regx", 'Unknown operator "$regx". Did you mean `$regex`?'),
        (
            {"$an": [{"a": 1}]},
            "when.$an",
            'Unknown operator "$an". Did you mean `$and`?',
        ),
        (
            {"$in": ["a"]},
            "when.$in",
            'Operator $in has no attribute. Write it like {"page.type" = {$in = …}}.',
        ),
        ({"a": {"$and": [{"b": 1}]}}, "when.a.$and", 'Unknown operator "$and".'),
        ({"a..b": 1}, 'when["a..b"]', 'The attribute path has an empty part. Write it like "device.type".'),
        ({"": 1}, 'when[""]', "The attribute path has an empty part."),
        (
            {"device": {"type": "mobile"}},
            "when.device",
            "Expected a value or operators, found a table",
        ),
        ({"a": {}}, "when.a", "found a table without operators."),
        ({"a": {"$gt": 1, "b": 2}}, "when.a", "Operators and other keys are mixed. Use only operators, or a value."),
        ({"$or": []}, "when.$or", "Expected a list of at least one condition, found a list of 0 elements."),
        ({"$and": {"a": 1}}, "when.$and", "Expected a list of at least one condition, found a table."),
        ({"$nor": [{"a": 1}, 2]}, "when.$nor[1]", "Expected a condition (a table), found 2."),
        ({"$not": "x"}, "when.$not", 'Expected a condition (a table), found "x".'),
        ({"$or": [{"a": {"$gte": True}}]}, "when.$or[0].a.$gte", "Expected a number or text, found true."),
        ({"a": {"$gt": float("nan")}}, "when.a.$gt", "Expected a finite number, found nan."),
        ({"a": float("inf")}, "when.a", "Expected a finite number, found inf."),
        (
            {"a": [1, 2**60]},
            "when.a[1]",
            f"Expected a whole number within ±(2^53 - 1), found {2**60}. Write it as text.",
        ),
        ({"a": {"$eq": [1]}}, "when.a.$eq", "Expected text, a boolean or a number, found a list of 1 element."),
        ({"a": {"$in": "x"}}, "when.a.$in", 'Expected a list of at least one value, found "x".'),
        ({"a": {"$nin": []}}, "when.a.$nin", "Expected a list of at least one value, found a list of 0 elements."),
        (
            {"a": {"$ini": ["x", ["y"]]}},
            "when.a.$ini[1]",
            "Expected text, a boolean or a number, found a list of 1 element.",
        ),
        ({"a": {"$exists": 1}}, "when.a.$exists", "Expected true or false, found 1."),
        ({"a": {"$regex": "(x"}}, "when.a.$regex", 'Expected a regular expression for RE2, found "(x". RE2 reports: '),
        ({"a": {"$regexi": 1}}, "when.a.$regexi", "Expected a regular expression (text), found 1."),
        ({"a": {"$size": -1}}, "when.a.$size", "Expected a whole number from 0 to 100000, found -1."),
        (
            {"a": {"$size": {"$gt": "x", "$lt": []}}},
            "when.a.$size.$lt",
            "Expected a number or text, found a list of 0 elements.",
        ),
        ({"a": {"$elemMatch": 1}}, "when.a.$elemMatch", "Expected a condition (a table), found 1."),
        ({"a": {"$elemMatch": {"b": {"$x": 1}}}}, "when.a.$elemMatch.b.$x", 'Unknown operator "$x".'),
        ({"a": {"$elemMatch": {"$and": []}}}, "when.a.$elemMatch.$and", 'Unknown operator "$and".'),
        ({"a": {"$all": "x"}}, "when.a.$all", 'Expected a list of at least one value, found "x".'),
        ({"a": {"$alli": [{"$x": 1}]}}, "when.a.$alli[0].$x", 'Unknown operator "$x".'),
        ({"a": {"$not": {"$x": 1}}}, "when.a.$not.$x", 'Unknown operator "$x".'),
        (
            {"a": {"$type": "text"}},
            "when.a.$type",
            'Expected one of string, number, boolean, array, object, null, found "text".',
        ),
        (
            {"a": {"$vgt": "latest"}},
            "when.a.$vgt",
            'Expected a version such as "1.4.0" or "2.0.0-rc.1", found "latest".',
        ),
        ({"a": {"$veq": 1}}, "when.a.$veq", 'Expected a version such as "1.4.0" or "2.0.0-rc.1", found 1.'),
    ],
    ids=str,
)
def test_an_invalid_condition_is_rejected_with_its_path(condition: dict[str, Any], path: str, message: str) -> None:
    problems = problems_in(condition, "when")
    assert [problem.path for problem in problems] == [path]
    assert message in problems[0].message


def test_every_problem_is_reported() -> None:
    condition = {"a": {"$foo": 1, "$gt": []}, "$or": [{"b": {"$exists": 0}}, {}]}
    paths = [problem.path for problem in problems_in(condition, "actions[1].when")]
    assert paths == [
        "actions[1].when.a.$foo",
        "actions[1].when.a.$gt",
        "actions[1].when.$or[0].b.$exists",
        "actions[1].when.$or[1]",
    ]


def test_a_condition_that_is_nested_too_deeply_is_rejected() -> None:
    by_logic: dict[str, Any] = {"a": 1}
    by_operators: dict[str, Any] = {"$gt": 1}
    for _ in range(5000):
        by_logic, by_operators = {"$not": by_logic}, {"$not": by_operators}
    too_deep = "Conditions are nested more than 16 levels deep. Simplify this one."
    assert [problem.message for problem in problems_in(by_logic, "when")] == [too_deep]
    assert [problem.message for problem in problems_in({"a": by_operators}, "when")] == [too_deep]


def test_null_is_a_valid_operand_of_equality() -> None:
    assert problems_in({"a": None, "b": {"$in": [None]}, "c": {"$ne": None}}, "when") == []


def test_a_problem_is_a_path_and_a_message() -> None:
    assert problems_in({"a": {"$exists": "yes"}}, "when") == [
        Problem("when.a.$exists", 'Expected true or false, found "yes".')
    ]
