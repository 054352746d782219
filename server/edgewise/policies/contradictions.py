"""Contradictions: tests of one attribute that no value can meet together, such as a range whose bounds are reversed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from edgewise.conditions.compiler import compile_condition, is_operators
from edgewise.config.table import child
from edgewise.errors import Problem
from edgewise.types import Condition
from edgewise.visitors.attribute_table import VALUES
from edgewise.visitors.attribute_values import Values

_BOUNDS = frozenset({"$eq", "$gt", "$gte", "$lt", "$lte", "$exists"})
_EXACT = _BOUNDS | {"$ne", "$in", "$nin", "$not"}
"""The operators whose literals, and the values between them, are all values that make a difference.

A value of a site's own may be a list, which has too many candidates for `$in` and negations.
"""

_FEW = 1000
"""So many whole numbers are tried one by one."""


class _Test(NamedTuple):
    """One test of an attribute, and its key path."""

    operand: Any
    path: str


def contradictions(condition: Condition, path: str) -> Iterator[Problem]:
    """A problem for each attribute that no value can satisfy, in this condition and in those inside of it."""
    tests: dict[str, list[_Test]] = defaultdict(list)
    for inner, where in _joined(condition, path):
        for key, operand in inner.items():
            if not key.startswith("$"):
                tests[key].append(_Test(operand, child(where, key)))
            elif key in ("$or", "$nor", "$not"):
                for alternative, its_path in _inner(operand, child(where, key)):
                    yield from contradictions(alternative, its_path)
    for attribute, several in tests.items():
        if not _can_hold(VALUES.get(attribute), [operand for operand, _ in several]):
            yield Problem(several[-1].path, _message(attribute, several))


def _joined(condition: Condition, path: str) -> Iterator[tuple[Condition, str]]:
    """The conditions that must all hold: this one and those in its `$and`."""
    yield condition, path
    for inner, where in _inner(condition.get("$and"), child(path, "$and")):
        yield from _joined(inner, where)


def _inner(operand: Any, path: str) -> Iterator[tuple[Condition, str]]:
    """The conditions in an operand. Mistakes in it are reported elsewhere."""
    if isinstance(operand, Mapping):
        yield operand, path
    elif isinstance(operand, list | tuple):
        yield from ((inner, child(path, index)) for index, inner in enumerate(operand) if isinstance(inner, Mapping))


def _message(attribute: str, tests: list[_Test]) -> str:
    message = f"No value of {attribute} can meet all of its tests. Remove one of them, or write alternatives with $or."
    bounds = [bound for operand, _ in tests if isinstance(operand, Mapping) for bound in operand.items()]
    lows = [bound for operator, bound in bounds if operator in ("$gt", "$gte") and _is_number(bound)]
    highs = [bound for operator, bound in bounds if operator in ("$lt", "$lte") and _is_number(bound)]
    if attribute == "time.hour" and lows and highs and float(max(lows)) >= float(min(highs)):
        example = '$or = [{"time.hour" = {"$gte" = 22}}, {"time.hour" = {"$lt" = 6}}]'
        return f"{message} A range over midnight is {example}."
    return message


def _can_hold(values: Values | None, operands: list[Any]) -> bool:
    if sum(len(operand) if isinstance(operand, Mapping) else 1 for operand in operands) < 2:
        return True
    literals: list[Any] = []
    exact = _BOUNDS if values is None else _EXACT
    if (values is not None and values.type in ("list", "table")) or not _add_literals(operands, exact, literals):
        return True  # Not every value that makes a difference is known.
    holds = compile_condition({"$and": [{"value": operand} for operand in operands]})
    return holds({}) or any(holds({"value": one}) for one in _candidates(values, literals))


def _add_literals(operands: Iterable[Any], exact: Set[str], literals: list[Any]) -> bool:
    """Collect the literals of tests. Return False if a test is not exact."""
    for operand in operands:
        if not isinstance(operand, Mapping):
            literals.append(operand)
        elif not is_operators(operand) or not exact >= operand.keys():
            return False
        else:
            for operator, argument in operand.items():
                if operator == "$not":
                    if not _add_literals([argument], exact, literals):
                        return False
                elif operator != "$exists":
                    literals += argument if isinstance(argument, list) else [argument]
    return True


def _candidates(values: Values | None, literals: list[Any]) -> Iterator[Any]:
    """Values of each kind that make a difference to tests with these literals."""
    if values is not None and values.choices:
        yield from values.choices
        return
    is_whole, low, high = (False, -math.inf, math.inf) if values is None else (values.whole, values.low, values.high)
    if is_whole and high - low < _FEW:
        yield from range(int(low), int(high) + 1)
        return
    for number in _numbers([one for one in literals if not isinstance(one, bool)], is_whole):
        if low <= number <= high:
            yield number
    if values is None or values.type == "text":
        texts = [str(one) for one in literals if isinstance(one, str | int | float)]
        yield from ("", *texts, *(f"{one}\0" for one in texts), "\U0010ffff")
    if values is None:
        yield from (*literals, True, False)


def _numbers(literals: Iterable[Any], is_whole: bool) -> Iterator[float]:
    """The numbers among the literals, and one below, between and above them."""
    numbers = sorted({float(one) for one in literals if _is_number(one)}) or [0.0]
    for number, following in zip(numbers, [*numbers[1:], numbers[-1] + 2], strict=True):
        if is_whole:
            yield from (math.floor(number), math.ceil(number), math.floor(number) + 1, math.ceil(number) - 1)
        else:
            yield from (number, (number + following) / 2)
    yield from (numbers[0] - 1, numbers[-1] + 1)


def _is_number(literal: Any) -> bool:
    try:
        return math.isfinite(float(literal))
    except (TypeError, ValueError, OverflowError):
        return False
