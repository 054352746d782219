"""Sensitive traits: a site may store and report them, but never target by them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from edgewise.conditions.validation import attributes_in
from edgewise.config.messages import describe, mismatch
from edgewise.config.values import label
from edgewise.errors import Problem
from edgewise.types import Condition

TRAITS = "visitor.traits"
"""The attribute path of a visitor's traits."""

MOST_SENSITIVE = 100

_trait_name = label(128)


def trait_names(value: Any) -> tuple[str, ...]:
    """The names in a site's `sensitive`."""
    if not isinstance(value, list) or len(value) > MOST_SENSITIVE:
        raise ValueError(mismatch(f"a list of at most {MOST_SENSITIVE} names of traits", value))
    return tuple(_trait_name(name) for name in value)


def sensitive_problems(conditions: Iterable[tuple[Condition, str]], sensitive: Collection[str]) -> list[Problem]:
    """A problem for each test of a sensitive trait in these conditions. Each condition comes with its key path."""
    return [
        Problem(
            where,
            f"Trait {describe(name)} is sensitive and cannot be targeted. "
            "Remove this test, or remove the trait from `sensitive` in site.toml.",
        )
        for condition, path in conditions
        for attribute, _, where in attributes_in(condition, path)
        for name in sensitive
        if attribute == f"{TRAITS}.{name}" or attribute.startswith(f"{TRAITS}.{name}.")
    ]
