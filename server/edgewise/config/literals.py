"""Literals: the values in a policy file that the server later writes as JSON (features, payloads, operands)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from edgewise.config.messages import mismatch
from edgewise.config.table import child
from edgewise.config.values import number
from edgewise.errors import Problem
from edgewise.types import FeatureValue

LARGEST_INTEGER = 2**53 - 1
"""Browsers round larger whole numbers."""

DEEPEST_LITERAL = 16
LARGEST_PAYLOAD = 16 * 1024
"""Bytes as JSON."""


def json_scalar(value: Any) -> str | bool | int | float:
    """Text, a boolean, or a number that a browser can represent."""
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if abs(value) <= LARGEST_INTEGER:
            return value
        raise ValueError(f"{mismatch('a whole number within ±(2^53 - 1)', value)} Write it as text.")
    if isinstance(value, float):
        number(value)
        return value
    raise ValueError(mismatch("text, a boolean or a number", value))


def feature(value: Any) -> FeatureValue:
    """A feature's value: text of at most 256 characters, a boolean, a number, or a list of at most 100 of those."""
    if isinstance(value, list):
        if len(value) > 100:
            raise ValueError(mismatch("a list of at most 100 elements", value))
        return tuple(_feature_scalar(element) for element in value)
    return _feature_scalar(value)


def _feature_scalar(value: Any) -> str | bool | int | float:
    scalar = json_scalar(value)
    if isinstance(scalar, str) and len(scalar) > 256:
        raise ValueError(f"Expected text of at most 256 characters, found {len(scalar)} characters.")
    return scalar


def json_problems(value: Any, path: str, depth: int = 0) -> Iterator[Problem]:
    """A problem for each part of this value that JSON or a browser cannot represent."""
    if depth > DEEPEST_LITERAL:
        message = f"Expected at most {DEEPEST_LITERAL} levels of lists and tables, found more."
        yield Problem(path, message)
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
    """A problem for each part of this table that a payload cannot have, or for its size."""
    problems = list(json_problems(payload, path))
    if not problems and (size := len(msgspec.json.encode(payload))) > LARGEST_PAYLOAD:
        problems.append(Problem(path, f"Expected at most {LARGEST_PAYLOAD} bytes as JSON, found {size} bytes."))
    return problems
