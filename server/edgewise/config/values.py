"""Readers of the single values in a policy or site file.

A reader converts a value of a TOML file to the value of a policy. It raises ValueError with a message for the file's
author when the value is invalid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from edgewise.config.messages import describe, mismatch, suggestion
from edgewise.types import Milliseconds

T = TypeVar("T", bound=str)

DAY: Milliseconds = 86_400_000

LONGEST_NAME = 64

_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST_NAME - 1}}}")
_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_UNITS: dict[str, Milliseconds] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY}


def short_name(value: Any) -> str:
    """The name of a placement, a site, a segment or a webhook."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    message = mismatch(f"a name of 1 to {LONGEST_NAME} characters (a-z, 0-9, _ and -)", value)
    raise ValueError(f"{message} Start it with a letter or a digit.")


def mapping(value: Any) -> dict[str, Any]:
    """A TOML table."""
    if isinstance(value, dict):
        return value
    raise ValueError(mismatch("a table", value))


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(mismatch("true or false", value))


def label(longest: int) -> Callable[[Any], str]:
    """Printable text of 1 to `longest` characters."""

    def read(value: Any) -> str:
        if isinstance(value, str) and 1 <= len(value) <= longest and value.isprintable():
            return value
        raise ValueError(mismatch(f"text of 1 to {longest} printable characters", value))

    return read


def one_of(choices: Sequence[T]) -> Callable[[Any], T]:
    def read(value: Any) -> T:
        for choice in choices:
            if value == choice:
                return choice
        hint = suggestion(value, choices) if isinstance(value, str) else ""
        raise ValueError(mismatch(f"one of {', '.join(choices)}", value) + hint)

    return read


def duration(longest: Milliseconds) -> Callable[[Any], Milliseconds]:
    """A duration such as "500ms", "60s", "10m", "6h" or "7d", in milliseconds."""

    def read(value: Any) -> Milliseconds:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        span = int(match[1]) * _UNITS[match[2]] if match else 0
        if 0 < span <= longest:
            return span
        expected = f'a duration of at most {longest // DAY} days, such as "500ms", "60s", "10m", "6h" or "7d"'
        raise ValueError(mismatch(expected, value))

    return read


def timestamp(value: Any) -> Milliseconds:
    """A date and time with its UTC offset, in milliseconds since the epoch."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return int(value.timestamp() * 1000)
    found = "a date and time without an offset" if isinstance(value, datetime) else describe(value)
    expected = "a date and time with a UTC offset, such as 2026-11-27T08:00:00+01:00 without quotes"
    raise ValueError(f"Expected {expected}, found {found}.")


def whole_number(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(mismatch(f"a whole number from {low} to {high}", value))

    return read


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:
            pass
    raise ValueError(mismatch("a finite number", value))


def number_from(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        share = number(value)
        if low <= share <= high:
            return share
        raise ValueError(mismatch(f"a number from {low:g} to {high:g}", value))

    return read


def exploration_floor(value: Any) -> float:
    """The share of traffic that a policy spreads evenly over all eligible actions."""
    share = number(value)
    if 0 < share <= 1:
        return share
    message = mismatch("a number above 0 and at most 1", value)
    if share == 0:
        message += " With a floor of 0 some actions are never shown, and offline evaluation is impossible."
    raise ValueError(message)


def interval(value: Any) -> tuple[float, float]:
    """A list of two finite numbers, the lower one first."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(mismatch("a list of two numbers, low and high", value))
    low, high = number(value[0]), number(value[1])
    if not low < high:
        raise ValueError(f"Expected the lower number first, found [{low:g}, {high:g}].")
    return low, high
