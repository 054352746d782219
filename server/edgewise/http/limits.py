"""Limits for JSON of unknown shape: number of values, depth, length of texts, and types that JSON can hold."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from edgewise.errors import Problem, RequestError

MIN_INTEGER, MAX_INTEGER = -(1 << 63), (1 << 64) - 1


class Limits(NamedTuple):
    """The limits of the value at `path`: how many values, how many levels of nesting, how many characters in a text."""

    path: str
    values: int
    depth: int
    text: int

    def check(self, value: Any) -> None:
        """Check a decoded JSON or MessagePack value.

        Raises:
            RequestError: 400, with the path of the first value that exceeds a limit.
        """
        try:
            _Checker(self).check(value, 1)
        except _LimitExceeded as error:
            path = ".".join((*filter(None, (self.path,)), *reversed(error.names)))[:200] or "message"
            raise RequestError.invalid(Problem(path, error.message)) from None


class _LimitExceeded(Exception):
    """`names` lead to the value, innermost first."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.names: list[str] = []

    def add_parent(self, name: str | int) -> None:
        self.names.append(str(name))


class _TooManyValues(_LimitExceeded):
    """This concerns the value as a whole, so it has no path inside of it."""

    def add_parent(self, name: str | int) -> None:
        pass


class _Checker:
    __slots__ = ("_limits", "_values_left")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._values_left = limits.values

    def check(self, value: Any, depth: int) -> None:
        self._values_left -= 1
        kind = type(value)
        if kind is str:
            self._check_text(value)
        elif kind is dict or kind is list:
            self._check_items(value, depth)
        elif kind is int:
            if not MIN_INTEGER <= value <= MAX_INTEGER:
                raise _LimitExceeded("Expected an integer of at most 64 bits, found a larger one.")
        elif kind is float:
            if not math.isfinite(value):
                raise _LimitExceeded(f"Expected a finite number, found {value}.")
        elif value is not None and kind is not bool:
            raise _LimitExceeded(f"Expected a type that JSON has, found {kind.__name__}.")

    def _check_items(self, value: dict[Any, Any] | list[Any], depth: int) -> None:
        if depth > self._limits.depth:
            raise _LimitExceeded(f"Expected at most {self._limits.depth} levels of nesting, found more.")
        if len(value) > self._values_left:
            raise _TooManyValues(f"Expected at most {self._limits.values} values, found more.")
        is_object, longest = type(value) is dict, self._limits.text
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            if type(name) is str:
                if len(name) > longest or "\0" in name:
                    self._check_text(name)
            elif is_object:  # MessagePack allows keys of any type.
                raise _LimitExceeded(f"Expected texts as keys, found a key of type {type(name).__name__}.")
            kind = type(item)
            if (
                (kind is str and len(item) <= longest and "\0" not in item)
                or (kind is float and math.isfinite(item))
                or (kind is int and -(1 << 31) <= item < 1 << 31)
                or kind is bool
            ):
                self._values_left -= 1  # The fast path for most values: a call for each takes three times as long.
                continue
            try:
                self.check(item, depth + 1)
            except _LimitExceeded as error:
                error.add_parent(name)
                raise

    def _check_text(self, text: str) -> None:
        if len(text) > self._limits.text:
            raise _LimitExceeded(f"Expected at most {self._limits.text} characters, found {len(text)}.")
        if "\0" in text:
            raise _LimitExceeded("Expected a text without NUL characters. Remove them.")
