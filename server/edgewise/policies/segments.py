"""Segments: the named conditions of a site, in its `[segments]`; a visitor is in those that hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import compress
from typing import Any

from edgewise.conditions.compiler import compile_conditions
from edgewise.conditions.validation import attributes_in, problems_in
from edgewise.config.keypath import child
from edgewise.config.table import Table
from edgewise.config.values import a_table, found, nearest, short_name
from edgewise.errors import Problem
from edgewise.policies.policy import Policy
from edgewise.types import Attributes, Condition

ATTRIBUTE = "visitor.segments"
"""Where conditions find the names of a visitor's segments."""

MOST_SEGMENTS = 100


class Segments:
    """A site's segments, made ready to use: compiled once, asked in decisions. False when there are none.

    `reads` are the paths of all attributes that they ask for.
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
    """The `[segments]` of a site file; what is wrong with them is added to the file's problems."""
    table = site.table("segments")
    segments = table.take_all(short_name, a_table, most=MOST_SEGMENTS)
    for name, condition in segments.items():
        path = child(table.path, name)
        table.problems += problems_in(condition, path)
        table.problems += (
            Problem(where, f"found {attribute}, expected no segment to be made of others; repeat their conditions")
            for attribute, _, where in attributes_in(condition, path)
            if refers_to_segments(attribute)
        )
    return segments


def refers_to_segments(attribute: str) -> bool:
    """Whether a condition's attribute path leads to the segments."""
    return attribute == ATTRIBUTE or attribute.startswith(f"{ATTRIBUTE}.")


def unknown_segments(policy: Policy, segments: Iterable[str]) -> list[Problem]:
    """A problem for each segment that a policy's conditions name and its site does not have."""
    return unknown_in(policy.conditions(), segments)


def unknown_in(conditions: Iterable[tuple[Condition, str]], segments: Iterable[str]) -> list[Problem]:
    """A problem for each segment that these conditions name, each with its key path, and that is none of these."""
    return [
        Problem(where, f"found {found(name)}, expected a segment of {_SITE_FILE}{nearest(name, segments)}")
        for name, where in _named(conditions)
        if name not in segments
    ]


_SITE_FILE = "site.toml ([segments])"
_LISTS = ("$in", "$nin", "$all")


def _named(conditions: Iterable[tuple[Condition, str]]) -> Iterator[tuple[str, str]]:
    for condition, path in conditions:
        for attribute, operand, where in attributes_in(condition, path):
            if attribute == ATTRIBUTE and isinstance(operand, Mapping):
                yield from _listed(operand, where)


def _listed(operators: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for operator in _LISTS:
        for index, name in enumerate(operators.get(operator, ())):
            if isinstance(name, str):
                yield name, child(child(path, operator), index)
