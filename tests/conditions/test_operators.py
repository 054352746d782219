from __future__ import annotations

from typing import Any

import pytest

from edgewise.conditions.operators import OPERATORS

CASES: list[tuple[str, Any, list[Any], list[Any]]] = [
    ("$eq", "a", ["a"], ["A", None]),
    ("$ne", 1, ["1", True, None], [1, 1.0]),
    ("$lt", 3, [2, "2", None], [3, "x"]),
    ("$lte", "b", ["a", "b"], ["c"]),
    ("$gt", 0, [1, True], [0, None]),
    ("$gte", 2.5, [2.5, "3"], [2, []]),
    ("$exists", True, [0, "", []], [None]),
    ("$exists", False, [None], [0]),
    ("$in", ["a", 1], ["a", 1, ["x", "a"]], ["A", True, []]),
    ("$nin", ["a"], ["b", [], ["b"]], ["a", ["a"]]),
    ("$ini", ["Ab"], ["aB", ["AB"]], ["a"]),
    ("$nini", ["Ab"], ["a"], ["aB"]),
    ("$regex", "^a.c", ["abcd"], ["ABC", "xabc"]),
    ("$regex", "", ["", 0], [None]),
    ("$regexi", "^a.c", ["ABC"], ["xabc", None]),
    ("$notRegex", "^a.c", ["ABC", "xabc", None, 1], ["abcd"]),
    ("$notRegexi", "^a.c", ["xabc", None], ["ABC"]),
    ("$type", "array", [[], ()], ["a", {}, None]),
    ("$veq", "v1.2.0", ["1.2.0+b"], ["1.2.1"]),
    ("$vne", "1.2.0", ["1.2.1"], ["1.2.0"]),
    ("$vlt", "1.10.0", ["1.9.0", "1.10.0-rc.1"], ["1.10.0"]),
    ("$vlte", "1.10.0", ["1.10.0"], ["1.11.0"]),
    ("$vgt", "1.9.0", ["1.10.0"], ["1.9.0"]),
    ("$vgte", "1.9.0", ["1.9.0"], ["1.8.9"]),
]


@pytest.mark.parametrize(("name", "operand", "passing", "failing"), CASES, ids=str)
def test_an_operator_accepts_and_rejects(name: str, operand: Any, passing: list[Any], failing: list[Any]) -> None:
    test = OPERATORS[name](operand)
    assert [value for value in passing if not test(value)] == []
    assert [value for value in failing if test(value)] == []


def test_every_operator_has_a_case() -> None:
    assert {name for name, *_ in CASES} == OPERATORS.keys()


@pytest.mark.parametrize(
    ("name", "operand"), [("$in", "a"), ("$nin", 1), ("$regex", 1), ("$regexi", "("), ("$notRegex", 1)]
)
def test_a_test_with_an_invalid_operand_always_fails(name: str, operand: Any) -> None:
    test = OPERATORS[name](operand)
    assert [value for value in ("a", 1, None, ["a"]) if test(value)] == []
