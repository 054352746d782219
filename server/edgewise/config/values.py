"""Readers of the single values in a policy or site file.

A reader takes what the file holds and gives what a policy holds. It raises ValueError when these do not fit, with a
message that says what was found and what was expected.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from edgewise.types import Milliseconds

T = TypeVar("T", bound=str)

DAY: Milliseconds = 86_400_000

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_UNITS: dict[str, Milliseconds] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY}


def found(value: Any) -> str:
    """What was found, in the words of an error message."""
    match value:
        case None | bool() | str():
            shown = json.dumps(value, ensure_ascii=False)
            return shown if len(shown) <= 80 else f"{shown[:79]}…"
        case int():
            return str(value) if abs(value) < 10**30 else "a very large whole number"
        case float():
            return repr(value)
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean …?" when one of the known names is close to this one, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def short_name(value: Any) -> str:
    """The name of a placement or a site."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValueError(
        f"found {found(value)}, expected 1 to 64 of a-z, 0-9, _ and -, the first of them a letter or a digit"
    )


def a_table(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"found {found(value)}, expected a table")


def a_switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"found {found(value)}, expected true or false")


def label(longest: int) -> Callable[[Any], str]:
    """Printable text of 1 to `longest` characters."""

    def read(value: Any) -> str:
        if isinstance(value, str) and 1 <= len(value) <= longest and value.isprintable():
            return value
        raise ValueError(f"found {found(value)}, expected text of 1 to {longest} printable characters")

    return read


def one_of(choices: Sequence[T]) -> Callable[[Any], T]:
    def read(value: Any) -> T:
        for choice in choices:
            if value == choice:
                return choice
        hint = nearest(value, choices) if isinstance(value, str) else ""
        raise ValueError(f"found {found(value)}, expected one of {', '.join(choices)}{hint}")

    return read


def duration(longest: Milliseconds) -> Callable[[Any], Milliseconds]:
    """A span of time such as "500ms", "60s", "10m", "6h" or "7d", in milliseconds."""

    def read(value: Any) -> Milliseconds:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        span = int(match[1]) * _UNITS[match[2]] if match else 0
        if 0 < span <= longest:
            return span
        raise ValueError(
            f'found {found(value)}, expected a duration such as "500ms", "60s", "10m", "6h" or "7d", '
            f"more than 0 and at most {longest // DAY} days"
        )

    return read


def moment(value: Any) -> Milliseconds:
    """A date and time with its offset from UTC, in milliseconds since the epoch."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return int(value.timestamp() * 1000)
    what = "a date and time without an offset" if isinstance(value, datetime) else found(value)
    raise ValueError(f"found {what}, expected a date and time with its offset from UTC: {_A_MOMENT}")


_A_MOMENT = "2026-11-27T08:00:00+01:00, without quotes"


def whole_number(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"found {found(value)}, expected a whole number from {low} to {high}")

    return read


def number(value: Any) -> float:
    """A finite number, as a float."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:
            pass
    raise ValueError(f"found {found(value)}, expected a finite number")


def number_from(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        share = number(value)
        if low <= share <= high:
            return share
        raise ValueError(f"found {found(value)}, expected a number from {low:g} to {high:g}")

    return read


def floor(value: Any) -> float:
    """The share of traffic spread evenly over all eligible actions."""
    share = number(value)
    if share == 0:
        raise ValueError(
            "found 0, expected more than 0 and at most 1: with a floor of 0 some actions are never tried, "
            "and no offline evaluation is possible"
        )
    if not 0 < share <= 1:
        raise ValueError(f"found {found(value)}, expected more than 0 and at most 1")
    return share


def interval(value: Any) -> tuple[float, float]:
    """A list of two finite numbers, the lower one first."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"found {found(value)}, expected a list of two numbers, low and high")
    low, high = number(value[0]), number(value[1])
    if not low < high:
        raise ValueError(f"found [{low:g}, {high:g}], expected the first to be lower than the second")
    return low, high
