"""Literals: the values in a policy file that end up as JSON: features, payloads, operands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from edgewise.config.keypath import child
from edgewise.config.values import found, number
from edgewise.errors import Problem
from edgewise.types import FeatureValue

LARGEST_WHOLE = 2**53 - 1
"""Beyond this a browser cannot hold a whole number exactly."""

DEEPEST_LITERAL = 16
LARGEST_PAYLOAD = 16 * 1024
"""Bytes as JSON."""


def json_scalar(value: Any) -> str | bool | int | float:
    """A text, a boolean, or a number that a browser can hold."""
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if abs(value) <= LARGEST_WHOLE:
            return value
        raise ValueError(f"found {found(value)}, expected a whole number within ±(2^53 - 1); write it as text")
    if isinstance(value, float):
        number(value)
        return value
    raise ValueError(f"found {found(value)}, expected text, a boolean or a number")


def feature(value: Any) -> FeatureValue:
    """A feature's value: a text of at most 256 characters, a boolean, a number, or a list of at most 100 of those."""
    if isinstance(value, list):
        if len(value) > 100:
            raise ValueError(f"found a list of {len(value)}, expected at most 100 elements")
        return tuple(_feature_scalar(element) for element in value)
    return _feature_scalar(value)


def _feature_scalar(value: Any) -> str | bool | int | float:
    scalar = json_scalar(value)
    if isinstance(scalar, str) and len(scalar) > 256:
        raise ValueError(f"found text of {len(scalar)} characters, expected at most 256")
    return scalar


def json_problems(value: Any, path: str, depth: int = 0) -> Iterator[Problem]:
    """What keeps this value from being JSON that a browser can read."""
    if depth > DEEPEST_LITERAL:
        yield Problem(path, f"found lists or tables nested more than {DEEPEST_LITERAL} deep")
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from json_problems(entry, child(path, key), depth + 1)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from json_problems(element, child(path, index), depth + 1)
    else:
        try:
            json_scalar(value)
        except ValueError as error:
            yield Problem(path, str(error))


def payload_problems(payload: Mapping[str, Any], path: str) -> list[Problem]:
    """What keeps this table from being a payload."""
    problems = list(json_problems(payload, path))
    if not problems and (size := len(msgspec.json.encode(payload))) > LARGEST_PAYLOAD:
        problems.append(Problem(path, f"found {size} bytes as JSON, expected at most {LARGEST_PAYLOAD}"))
    return problems
