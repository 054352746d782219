"""Operators of single values, such as `$eq`, `$in`, `$gt` and `$regex`.

Each entry of `OPERATORS` makes the test of an attribute's value from an operand. An invalid operand makes a test that
always fails, as in GrowthBook's SDKs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from edgewise.conditions import coercion, semver
from edgewise.conditions.patterns import compile_pattern

Test: TypeAlias = Callable[[Any], bool]
Comparison: TypeAlias = Callable[[Any, Any], bool]


def never(_: Any) -> bool:
    return False


def negated(test: Test) -> Test:
    return lambda value: not test(value)


def _equal(operand: Any) -> Test:
    if isinstance(operand, str):
        return lambda value: bool(value == operand)
    return lambda value: coercion.same(value, operand)


def _not_equal(operand: Any) -> Test:
    return negated(_equal(operand))


def _ordered(compare: Comparison) -> Callable[[Any], Test]:
    def make(operand: Any) -> Test:
        operand = coercion.primitive(operand)
        threshold = coercion.number(operand)

        def test_number(value: Any) -> bool:
            return compare(coercion.number(value), threshold)

        def test_text(value: Any) -> bool:
            value = coercion.primitive(value)
            if isinstance(value, str):
                return compare(value, operand)
            return compare(coercion.number(value), threshold)

        return test_text if isinstance(operand, str) else test_number

    return make


def _exists(operand: Any) -> Test:
    if coercion.truthy(operand):
        return lambda value: value is not None
    return lambda value: value is None


def _lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _unchanged(value: Any) -> Any:
    return value


def _membership(fold: Callable[[Any], Any], *, wanted: bool) -> Callable[[Any], Test]:
    """Whether the operand contains the value, or any of its elements if the value is a list."""

    def make(operand: Any) -> Test:
        if not isinstance(operand, Sequence) or isinstance(operand, str):
            return never
        texts = frozenset(fold(candidate) for candidate in operand if isinstance(candidate, str))
        others = [candidate for candidate in operand if not isinstance(candidate, str)]

        def is_member(value: Any) -> bool:
            if isinstance(value, str):
                return fold(value) in texts
            return any(coercion.same(value, other) for other in others)

        def test(value: Any) -> bool:
            for one in value if isinstance(value, (list, tuple)) else (value,):
                if is_member(one):
                    return wanted
            return not wanted

        def test_texts(value: Any) -> bool:
            for one in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(one, str) and one in texts:
                    return wanted
            return not wanted

        return test_texts if fold is _unchanged and not others else test

    return make


def _pattern(*, ignore_case: bool, wanted: bool) -> Callable[[Any], Test]:
    """Whether a pattern is in the value's text. It is never in an absent value, whose text would be "null"."""

    def make(operand: Any) -> Test:
        if not isinstance(operand, str):
            return never
        try:
            is_found = compile_pattern(operand, ignore_case=ignore_case)
        except ValueError:
            return never
        return lambda value: (value is not None and is_found(coercion.text(value))) is wanted

    return make


def _type(operand: Any) -> Test:
    return lambda value: coercion.kind(value) == operand


def _version(compare: Comparison) -> Callable[[Any], Test]:
    def make(operand: Any) -> Test:
        key = semver.order_key(operand)
        return lambda value: compare(semver.order_key(value), key)

    return make


OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "$eq": _equal,
    "$ne": _not_equal,
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$exists": _exists,
    "$in": _membership(_unchanged, wanted=True),
    "$nin": _membership(_unchanged, wanted=False),
    "$ini": _membership(_lower_case, wanted=True),
    "$nini": _membership(_lower_case, wanted=False),
    "$regex": _pattern(ignore_case=False, wanted=True),
    "$regexi": _pattern(ignore_case=True, wanted=True),
    "$notRegex": _pattern(ignore_case=False, wanted=False),
    "$notRegexi": _pattern(ignore_case=True, wanted=False),
    "$type": _type,
    "$veq": _version(operator.eq),
    "$vne": _version(operator.ne),
    "$vlt": _version(operator.lt),
    "$vlte": _version(operator.le),
    "$vgt": _version(operator.gt),
    "$vgte": _version(operator.ge),
}
