"""Bounds: how much, how deep and how odd what a caller sends may be where no type says so."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from edgewise.errors import Problem, RequestError


class Bounds(NamedTuple):
    """`what` is bounded to so many values, so deep, each text to so many characters."""

    what: str
    values: int
    depth: int
    text: int

    def check(self, value: Any) -> None:
        """See that this is within the bounds, and what JSON can hold.

        Raises:
            RequestError: 400, it is not; the message says where, by its path.
        """
        walk = _Walk(self)
        try:
            walk.visit(value, 1)
        except _Odd as odd:
            path = ".".join((*filter(None, (self.what,)), *reversed(odd.names)))[:200] or "message"
            raise RequestError(400, "invalid_request", f"{path}: {odd.found}", [Problem(path, odd.found)]) from None


class _Odd(Exception):
    """What was found, and the names that lead to it, the last one first."""

    def __init__(self, found: str) -> None:
        self.found = found
        self.names: list[str] = []

    def came_from(self, name: str | int) -> None:
        self.names.append(str(name))


class _TooMany(_Odd):
    """It is the whole that is too much, wherever that showed."""

    def came_from(self, name: str | int) -> None:
        pass


class _Walk:
    __slots__ = ("_bounds", "_left")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._left = bounds.values

    def visit(self, value: Any, depth: int) -> None:
        self._left -= 1
        kind = type(value)
        if kind is str:
            self._text(value)
        elif kind is dict or kind is list:
            self._items(value, depth)
        elif kind is int:
            if not -(1 << 63) <= value < 1 << 64:
                raise _Odd("found an integer beyond 64 bits")
        elif kind is float:
            if not math.isfinite(value):
                raise _Odd(f"found {value}, expected a finite number")
        elif value is not None and kind is not bool:
            raise _Odd(f"found {kind.__name__}, expected what JSON can hold")

    def _items(self, value: dict[Any, Any] | list[Any], depth: int) -> None:
        if depth > self._bounds.depth:
            raise _Odd(f"found it nested deeper than {self._bounds.depth}")
        if len(value) > self._left:
            raise _TooMany(f"found more than {self._bounds.values} values")
        named, longest = type(value) is dict, self._bounds.text
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            if type(name) is str:
                if len(name) > longest or "\0" in name:
                    self._text(name)
            elif named:  # MessagePack has others.
                raise _Odd(f"found a name of type {type(name).__name__}, expected a text")
            kind = type(item)
            if (
                (kind is str and len(item) <= longest and "\0" not in item)
                or (kind is float and math.isfinite(item))
                or (kind is int and -(1 << 31) <= item < 1 << 31)
                or kind is bool
            ):
                self._left -= 1  # Nearly all there is: a call for each would take three times as long.
                continue
            try:
                self.visit(item, depth + 1)
            except _Odd as odd:
                odd.came_from(name)
                raise

    def _text(self, text: str) -> None:
        if len(text) > self._bounds.text:
            raise _Odd(f"found a text of {len(text)} characters, expected at most {self._bounds.text}")
        if "\0" in text:
            raise _Odd("found a NUL in a text")
