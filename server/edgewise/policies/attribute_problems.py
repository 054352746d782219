"""Conditions that can never hold: they test an attribute that does not exist, or a value that it never has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from edgewise.conditions.validation import attributes_in
from edgewise.config.messages import unknown
from edgewise.errors import Problem
from edgewise.policies.attribute_tests import AttributeTests
from edgewise.policies.contradictions import contradictions
from edgewise.policies.policy import NOT_FEATURES
from edgewise.types import Condition
from edgewise.visitors.attribute_table import ATTRIBUTES, VALUES

_FEATURES_OF_VISITORS = tuple(f"visitor.{one.name}" for one in ATTRIBUTES if one.is_feature)


def attribute_problems(conditions: Iterable[tuple[Condition, str]]) -> list[Problem]:
    """A problem for each test that can never hold. Each condition comes with its key path.

    Names below an open table, such as `data` and `visitor.traits`, are not checked, nor are values of one test there.
    """
    return [problem for condition, path in conditions for problem in _problems(condition, path)]


def check_feature(attribute: str) -> None:
    """Raises ValueError if this is no single value of the context that can be a feature."""
    values = VALUES.get(attribute)
    if values is None and not _is_below_open_table(attribute):
        raise ValueError(_unknown_attribute(attribute))
    if values is not None and values.type in ("list", "table"):
        raise ValueError(f"Expected an attribute with one value, found {attribute}, which is a {values.type}.")
    for name in attribute.split("."):
        if name in NOT_FEATURES:
            raise ValueError(f"Expected a feature, found {attribute}. No {name} is a feature.")
    if attribute.startswith("visitor.") and attribute not in _FEATURES_OF_VISITORS:
        raise ValueError(f"Expected a feature, found {attribute}. Use one of {', '.join(_FEATURES_OF_VISITORS)}.")


def _problems(condition: Condition, path: str) -> list[Problem]:
    tests = attributes_in(condition, path)
    found = [problem for attribute, operand, where in tests for problem in _test(attribute, operand, where)]
    return found or list(contradictions(condition, path))


def _test(attribute: str, operand: Any, path: str) -> Iterator[Problem]:
    values = VALUES.get(attribute)
    if values is not None:
        yield from AttributeTests(attribute, values).problems(operand, path)
    elif not _is_below_open_table(attribute):
        yield Problem(path, _unknown_attribute(attribute))


def _is_below_open_table(attribute: str) -> bool:
    parts = attribute.split(".")
    tables = (VALUES.get(".".join(parts[:length])) for length in range(1, len(parts)))
    return any(table is not None and table.is_open for table in tables)


def _unknown_attribute(attribute: str) -> str:
    group, _, rest = attribute.partition(".")
    own = "visitor.traits" if group == "visitor" else "data"
    advice = f"A value of your own is {own}.{rest or group}. docs/reference/attributes.md lists the others."
    if (close := _in_open_table(attribute)) is not None:
        known = [close]
        advice = f"Did you mean `{close}`?"
    elif rest and group in VALUES:
        close_names = difflib.get_close_matches(rest, [path[len(group) + 1 :] for path in VALUES if path != group], n=1)
        known = [f"{group}.{name}" for name in close_names if f"{group}.{name}" in VALUES]
    else:
        known = [path for path in VALUES if path.endswith(f".{attribute}")] or list(VALUES)
    return unknown("attribute", attribute, known, advice)


def _in_open_table(attribute: str) -> str | None:
    """The path of a name in an open table, if the table's own path is nearly right."""
    if attribute.partition(".")[0] in VALUES.keys() - {"visitor"}:
        return None
    parts = attribute.removeprefix("visitor.").split(".", 1)
    tables = {path.removeprefix("visitor."): path for path, values in VALUES.items() if values.is_open}
    close = difflib.get_close_matches(parts[0], tables, n=1, cutoff=0.75)
    return f"{tables[close[0]]}.{parts[1]}" if close and len(parts) > 1 else None
