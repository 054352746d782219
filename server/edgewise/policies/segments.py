"""Segments: the named conditions of a site. A visitor is in every segment whose condition holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress
from typing import Any

from edgewise.conditions.compiler import compile_conditions
from edgewise.conditions.validation import attributes_in, problems_in
from edgewise.config.messages import unknown
from edgewise.config.table import MOVE_TO_TOP, Table, child
from edgewise.config.values import mapping, short_name
from edgewise.errors import Problem
from edgewise.types import Attributes, Condition

ATTRIBUTE = "visitor.segments"
"""The attribute path of the names of a visitor's segments."""

MOST_SEGMENTS = 100

_LIST_OPERATORS = ("$in", "$nin", "$all")
_NO_NAMES = frozenset({"$regex", "$regexi", "$notRegex", "$notRegexi", "$type", "$gt", "$gte", "$lt", "$lte"})
"""The operators whose texts are no names of segments."""


class Segments:
    """The compiled segments of a site. False if there are none.

    `reads` are the paths of all attributes that their conditions test.
    """

    __slots__ = ("_hold", "_names", "reads")

    def __init__(self, conditions: Mapping[str, Condition]) -> None:
        self._names = tuple(sorted(conditions))
        self._hold = compile_conditions(conditions[name] for name in self._names)
        self.reads = frozenset(
            attribute for condition in conditions.values() for attribute, _, _ in attributes_in(condition, "")
        )

    def __bool__(self) -> bool:
        return bool(self._names)

    def of(self, attributes: Attributes) -> list[str]:
        """The names of the segments that hold for these attributes, sorted. Never raises."""
        return list(compress(self._names, self._hold(attributes)))


NO_SEGMENTS = Segments({})


def read_segments(site: Table) -> Mapping[str, Condition]:
    """The `[segments]` of a site file. Problems go to the file's table."""
    table = site.table("segments")
    segments = table.take_all(short_name, _condition, most=MOST_SEGMENTS)
    for name, condition in segments.items():
        path = child(table.path, name)
        table.problems += problems_in(condition, path)
        table.problems += (
            Problem(where, f"A segment cannot use {attribute}. Repeat the conditions of the other segment here.")
            for attribute, _, where in attributes_in(condition, path)
            if refers_to_segments(attribute)
        )
    return segments


def _condition(value: Any) -> dict[str, Any]:
    try:
        return mapping(value)
    except ValueError as error:
        raise ValueError(f"{error} If this is a setting of the site: {MOVE_TO_TOP}") from error


def refers_to_segments(attribute: str) -> bool:
    """Whether an attribute path leads to the segments."""
    return attribute == ATTRIBUTE or attribute.startswith(f"{ATTRIBUTE}.")


def segment_problems(conditions: Iterable[tuple[Condition, str]], segments: Iterable[str]) -> list[Problem]:
    """A problem for each unknown segment that a list operator of these conditions names directly.

    Each condition comes with its key path.
    """
    return _problems(conditions, segments, _direct_names)


def hidden_segment_problems(conditions: Iterable[tuple[Condition, str]], segments: Iterable[str]) -> list[Problem]:
    """The same for every test of segments. Earlier releases accepted unknown segments in some of them."""
    return _problems(conditions, segments, _names)


def _problems(
    conditions: Iterable[tuple[Condition, str]],
    segments: Iterable[str],
    names: Callable[[Any, str], Iterator[tuple[str, str]]],
) -> list[Problem]:
    known = list(segments)
    return [
        Problem(where, unknown("segment", name, known, "Add it to [segments] in site.toml."))
        for condition, path in conditions
        for attribute, operand, test in attributes_in(condition, path)
        if attribute == ATTRIBUTE
        for name, where in names(operand, test)
        if name not in known
    ]


def _direct_names(operand: Any, path: str) -> Iterator[tuple[str, str]]:
    for operator in _LIST_OPERATORS if isinstance(operand, Mapping) else ():
        for index, name in enumerate(operand.get(operator, ())):
            if isinstance(name, str):
                yield name, child(child(path, operator), index)


def _names(operand: Any, path: str) -> Iterator[tuple[str, str]]:
    """The texts in a test, at any depth. Patterns are no names."""
    if isinstance(operand, str):
        yield operand, path
    elif isinstance(operand, Mapping):
        for operator, argument in operand.items():
            if operator not in _NO_NAMES:
                yield from _names(argument, child(path, operator))
    elif isinstance(operand, list | tuple):
        for index, element in enumerate(operand):
            yield from _names(element, child(path, index))
