"""What is wrong with a targeting condition, as somebody wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from edgewise.conditions import semver
from edgewise.conditions.compiler import is_operators
from edgewise.conditions.patterns import compile_pattern
from edgewise.config.keypath import child
from edgewise.config.literals import json_problems, json_scalar
from edgewise.config.values import found, nearest, one_of, whole_number
from edgewise.errors import Problem
from edgewise.types import Condition

Problems: TypeAlias = Iterator[Problem]
Check: TypeAlias = Callable[[Any, str, int], Problems]

DEEPEST_CONDITION = 16
"""How deep conditions may be nested: every test costs time in every decision."""

_TYPES = ("string", "number", "boolean", "array", "object", "null")


def problems_in(condition: Condition, path: str) -> list[Problem]:
    """Everything that is wrong with this condition, each with its key path below `path`.

    A condition without problems compiles to what it says. Stricter than `matches`, which follows GrowthBook in giving
    some meaning to everything: an empty list of alternatives is refused, for one.
    """
    return list(_condition(condition, path, 0))


def attributes_in(condition: Condition, path: str) -> Iterator[tuple[str, Any, str]]:
    """Every attribute that this condition tests: its path, what it is tested with, and the key path of the test."""
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
        yield Problem(path, f"found {found(condition)}, expected a condition (a table)")
    elif not condition:
        yield Problem(path, "found an empty condition, expected at least one attribute; leave it out to match everyone")
    elif depth > DEEPEST_CONDITION:
        yield Problem(path, f"found conditions nested more than {DEEPEST_CONDITION} deep")
    else:
        for key, operand in condition.items():
            yield from _clause(key, operand, child(path, key), depth + 1)


def _clause(key: str, operand: Any, path: str, depth: int) -> Problems:
    if key in _LOGIC:
        yield from _LOGIC[key](operand, path, depth)
    elif key in _OPERATORS:
        yield Problem(
            path, f'found {key} beside attributes, expected it inside one, as in {{"page.type" = {{{key} = …}}}}'
        )
    elif key.startswith("$"):
        yield Problem(path, f"found an unknown operator, expected {', '.join(_LOGIC)}{nearest(key, _LOGIC)}")
    elif not all(key.split(".")):
        yield Problem(path, 'found an attribute path with an empty part, expected one such as "device.type"')
    else:
        yield from _value(operand, path, depth)


def _value(operand: Any, path: str, depth: int) -> Problems:
    """An attribute's test: a value to be equal to, or operators."""
    if operand is None:
        return
    if not isinstance(operand, Mapping):
        yield from json_problems(operand, path)
    elif is_operators(operand):
        yield from _operators(operand, path, depth)
    elif any(key.startswith("$") for key in operand):
        yield Problem(path, "found operators and other keys side by side, expected either")
    else:
        yield Problem(
            path,
            "found a table without operators, expected a value or operators; "
            'a nested attribute is written as one quoted path, as in "device.type" = "mobile"',
        )


def _operators(operand: Mapping[str, Any], path: str, depth: int) -> Problems:
    if depth > DEEPEST_CONDITION:
        yield Problem(path, f"found conditions nested more than {DEEPEST_CONDITION} deep")
        return
    for name, argument in operand.items():
        check = _OPERATORS.get(name)
        if check is None:
            hint = nearest(name, _OPERATORS)
            yield Problem(
                child(path, name), f"found an unknown operator, expected one of {', '.join(_OPERATORS)}{hint}"
            )
        else:
            yield from check(argument, child(path, name), depth + 1)


def _conditions(operand: Any, path: str, depth: int) -> Problems:
    yield from _each(operand, path, depth, _condition, "conditions")


def _values(operand: Any, path: str, depth: int) -> Problems:
    yield from _each(operand, path, depth, _value, "values")


def _scalars(operand: Any, path: str, depth: int) -> Problems:
    yield from _each(operand, path, depth, _scalar, "values")


def _each(operand: Any, path: str, depth: int, check: Check, what: str) -> Problems:
    if not isinstance(operand, list) or not operand:
        yield Problem(path, f"found {found(operand)}, expected a list of {what}, at least one")
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
    """The check that is passed by whatever `read` can read."""

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
        raise ValueError(f"found {found(operand)}, expected a number or text")
    return json_scalar(operand)


def _boolean(operand: Any) -> bool:
    if isinstance(operand, bool):
        return operand
    raise ValueError(f"found {found(operand)}, expected true or false")


def _pattern(operand: Any) -> None:
    if not isinstance(operand, str) or not operand:
        raise ValueError(f"found {found(operand)}, expected a regular expression (text)")
    try:
        compile_pattern(operand)
    except ValueError as error:
        raise ValueError(f"found {found(operand)}, expected a regular expression as RE2 knows them: {error}") from error


def _version(operand: Any) -> None:
    if not semver.is_version(operand):
        raise ValueError(f'found {found(operand)}, expected a version such as "1.4.0" or "2.0.0-rc.1"')


_scalar = _read_by(_scalar_or_null)

_LOGIC: Mapping[str, Check] = {"$and": _conditions, "$or": _conditions, "$nor": _conditions, "$not": _condition}

_OPERATORS: Mapping[str, Check] = {
    **dict.fromkeys(("$eq", "$ne"), _scalar),
    **dict.fromkeys(("$lt", "$lte", "$gt", "$gte"), _read_by(_comparable)),
    **dict.fromkeys(("$in", "$nin", "$ini", "$nini"), _scalars),
    "$exists": _read_by(_boolean),
    **dict.fromkeys(("$regex", "$regexi"), _read_by(_pattern)),
    "$size": _size,
    "$elemMatch": _element,
    **dict.fromkeys(("$all", "$alli"), _values),
    "$not": _value,
    "$type": _read_by(one_of(_TYPES)),
    **dict.fromkeys(("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"), _read_by(_version)),
}
