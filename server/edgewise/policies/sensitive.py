"""Sensitive traits: a site may keep them for its reports, and nobody is treated by them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from edgewise.conditions.validation import attributes_in
from edgewise.config.values import found, label
from edgewise.errors import Problem
from edgewise.types import Condition

TRAITS = "visitor.traits"
"""Where conditions find a visitor's traits."""

MOST_SENSITIVE = 100

_name = label(128)


def trait_names(value: Any) -> tuple[str, ...]:
    """The names in `sensitive`.

    Raises:
        ValueError: it is no list of names.
    """
    if not isinstance(value, list) or len(value) > MOST_SENSITIVE:
        raise ValueError(f"found {found(value)}, expected a list of names of traits, at most {MOST_SENSITIVE}")
    return tuple(_name(one) for one in value)


def targeted(conditions: Iterable[tuple[Condition, str]], sensitive: Collection[str]) -> list[Problem]:
    """A problem for each test of a sensitive trait in these conditions, each given with its key path."""
    return [
        Problem(where, f"found {name}, expected no trait that site.toml names `sensitive`: nobody is treated by those")
        for condition, path in conditions
        for attribute, _, where in attributes_in(condition, path)
        for name in sensitive
        if attribute == f"{TRAITS}.{name}" or attribute.startswith(f"{TRAITS}.{name}.")
    ]
