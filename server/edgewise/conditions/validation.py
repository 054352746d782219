"""Validation of targeting conditions: a problem with its key path for each mistake of the author."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from edgewise.conditions import semver
from edgewise.conditions.compiler import is_operators
from edgewise.conditions.patterns import compile_pattern
from edgewise.config.literals import json_problems, json_scalar
from edgewise.config.messages import mismatch, unknown
from edgewise.config.table import child
from edgewise.config.values import boolean, one_of, whole_number
from edgewise.errors import Problem
from edgewise.types import Condition

Problems: TypeAlias = Iterator[Problem]
Check: TypeAlias = Callable[[Any, str, int], Problems]

DEEPEST_CONDITION = 16
"""Limits the time that a condition takes in every decision."""

_TOO_DEEP = f"Conditions are nested more than {DEEPEST_CONDITION} levels deep. Simplify this one."
_SAVED_GROUPS = ("$inGroup", "$notInGroup", "$savedGroup", "$savedGroups")
_TYPES = ("string", "number", "boolean", "array", "object", "null")


def problems_in(condition: Condition, path: str) -> list[Problem]:
    """Every problem of this condition, each with its key path below `path`.

    This check is stricter than `matches`, which gives a meaning to every condition as GrowthBook does. For example, an
    empty list of alternatives is a problem.
    """
    return list(_condition(condition, path, 0))


def attributes_in(condition: Condition, path: str) -> Iterator[tuple[str, Any, str]]:
    """Every test of an attribute in this condition: the attribute's path, the operand, and the key path of the test."""
    for key, operand in condition.items():
        where = child(path, key)
        if key in ("$and", "$or", "$nor"):
            for index, inner in enumerate(operand if isinstance(operand, list | tuple) else ()):
                if isinstance(inner, Mapping):
                    yield from attributes_in(inner, child(where, index))
        elif key == "$not":
            if isinstance(operand, Mapping):
                yield from attributes_in(operand, where)
        else:
            yield key, operand, where


def _condition(condition: Any, path: str, depth: int) -> Problems:
    if not isinstance(condition, Mapping):
        yield Problem(path, mismatch("a condition (a table)", condition))
    elif not condition:
        yield Problem(path, "Empty condition. Test at least one attribute, or remove the condition to match everyone.")
    elif depth > DEEPEST_CONDITION:
        yield Problem(path, _TOO_DEEP)
    else:
        for key, operand in condition.items():
            yield from _clause(key, operand, child(path, key), depth + 1)


def _clause(key: str, operand: Any, path: str, depth: int) -> Problems:
    if key in _LOGIC:
        yield from _LOGIC[key](operand, path, depth)
    elif key in _OPERATORS:
        yield Problem(path, f'Operator {key} has no attribute. Write it like {{"page.type" = {{{key} = …}}}}.')
    elif key.startswith("$"):
        yield Problem(path, _unknown_operator(key, _LOGIC))
    elif not all(key.split(".")):
        yield Problem(path, 'The attribute path has an empty part. Write it like "device.type".')
    else:
        yield from _value(operand, path, depth)


def _value(operand: Any, path: str, depth: int) -> Problems:
    """An attribute's test: a value for equality, or operators."""
    if operand is None:
        return
    if not isinstance(operand, Mapping):
        yield from json_problems(operand, path)
    elif is_operators(operand):
        yield from _operators(operand, path, depth)
    elif any(key.startswith("$") for key in operand):
        yield Problem(path, "Operators and other keys are mixed. Use only operators, or a value.")
    else:
        yield Problem(
            path,
            "Expected a value or operators, found a table without operators. "
            'Write a nested attribute as one quoted path, like "device.type" = "mobile".',
        )


def _operators(operand: Mapping[str, Any], path: str, depth: int) -> Problems:
    if depth > DEEPEST_CONDITION:
        yield Problem(path, _TOO_DEEP)
        return
    for name, argument in operand.items():
        check = _OPERATORS.get(name)
        if check is None:
            yield Problem(child(path, name), _unknown_operator(name, _OPERATORS))
        else:
            yield from check(argument, child(path, name), depth + 1)


def _unknown_operator(name: str, known: Iterable[str]) -> str:
    if name in _SAVED_GROUPS:
        return (
            f"Operator {name} needs a saved group of GrowthBook. "
            'Define a segment in site.toml and write it like {"visitor.segments" = {$in = ["name"]}}.'
        )
    return unknown("operator", name, known)


def _conditions(operand: Any, path: str, depth: int) -> Problems:
    yield from _each(operand, path, depth, _condition, "condition")


def _values(operand: Any, path: str, depth: int) -> Problems:
    yield from _each(operand, path, depth, _value, "value")


def _scalars(operand: Any, path: str, depth: int) -> Problems:
    yield from _each(operand, path, depth, _scalar, "value")


def _each(operand: Any, path: str, depth: int, check: Check, kind: str) -> Problems:
    if not isinstance(operand, list) or not operand:
        yield Problem(path, mismatch(f"a list of at least one {kind}", operand))
        return
    for index, element in enumerate(operand):
        yield from check(element, child(path, index), depth)


def _element(operand: Any, path: str, depth: int) -> Problems:
    if isinstance(operand, Mapping) and is_operators(operand):
        yield from _operators(operand, path, depth)
    else:
        yield from _condition(operand, path, depth)


def _size(operand: Any, path: str, depth: int) -> Problems:
    if isinstance(operand, Mapping) and is_operators(operand):
        yield from _operators(operand, path, depth)
    else:
        yield from _read_by(whole_number(0, 100_000))(operand, path, depth)


def _read_by(read: Callable[[Any], Any]) -> Check:
    """A check that reports the ValueError of `read`."""

    def check(operand: Any, path: str, _: int) -> Problems:
        try:
            read(operand)
        except ValueError as error:
            yield Problem(path, str(error))

    return check


def _scalar_or_null(operand: Any) -> Any:
    return None if operand is None else json_scalar(operand)


def _comparable(operand: Any) -> Any:
    if isinstance(operand, bool) or not isinstance(operand, (str, int, float)):
        raise ValueError(mismatch("a number or text", operand))
    return json_scalar(operand)


def _pattern(operand: Any) -> None:
    if not isinstance(operand, str) or not operand:
        raise ValueError(mismatch("a regular expression (text)", operand))
    try:
        compile_pattern(operand)
    except ValueError as error:
        raise ValueError(f"{mismatch('a regular expression for RE2', operand)} RE2 reports: {error}.") from error


def _version(operand: Any) -> None:
    if not semver.is_version(operand):
        raise ValueError(mismatch('a version such as "1.4.0" or "2.0.0-rc.1"', operand))


_scalar = _read_by(_scalar_or_null)

_LOGIC: Mapping[str, Check] = {"$and": _conditions, "$or": _conditions, "$nor": _conditions, "$not": _condition}

_OPERATORS: Mapping[str, Check] = {
    **dict.fromkeys(("$eq", "$ne"), _scalar),
    **dict.fromkeys(("$lt", "$lte", "$gt", "$gte"), _read_by(_comparable)),
    **dict.fromkeys(("$in", "$nin", "$ini", "$nini"), _scalars),
    "$exists": _read_by(boolean),
    **dict.fromkeys(("$regex", "$regexi", "$notRegex", "$notRegexi"), _read_by(_pattern)),
    "$size": _size,
    "$elemMatch": _element,
    **dict.fromkeys(("$all", "$alli"), _values),
    "$not": _value,
    "$type": _read_by(one_of(_TYPES)),
    **dict.fromkeys(("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"), _read_by(_version)),
}
