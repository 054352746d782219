"""Names that only one may have."""

from __future__ import annotations

from collections.abc import Iterable

from edgewise.config.values import found
from edgewise.errors import Problem


def repeated(claims: Iterable[tuple[str, str]]) -> list[Problem]:
    """A problem for each (name, where) whose name was claimed before."""
    first: dict[str, str] = {}
    problems = []
    for name, where in claims:
        if name in first:
            problems.append(Problem(where, f"found {found(name)} again, expected it only once; first at {first[name]}"))
        first.setdefault(name, where)
    return problems
