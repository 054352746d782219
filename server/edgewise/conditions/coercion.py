"""Conversion of values by JavaScript's rules, which all of GrowthBook's SDKs follow.

A missing attribute is null. Null is 0 as a number and "null" as text. A list as text is its elements, joined by commas.
Attributes are untrusted input: no function here raises, and none recurses deeper than `DEEPEST`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["null", "boolean", "number", "string", "array", "object", "unknown"]

DEEPEST = 32
"""Lists that are nested deeper count as empty text."""

_NAN = math.nan
_NUMERAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_RADIX_NUMERAL = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")


def kind(value: Any) -> Kind:
    """The name of a value's type, for the operator `$type`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (list, tuple)):
        return "array"
    return "object" if isinstance(value, Mapping) else "unknown"


def truthy(value: Any) -> bool:
    """`Boolean(value)`: an empty list or mapping is true."""
    match kind(value):
        case "null":
            return False
        case "boolean" | "string":
            return bool(value)
        case "number":
            return bool(value) and value == value
        case _:
            return True


def text(value: Any, depth: int = 0) -> str:
    """`String(value)`."""
    if isinstance(value, str):
        return value
    match kind(value):
        case "null":
            return "null"
        case "boolean":
            return "true" if value else "false"
        case "number":
            return _numeral(value)
        case "array" if depth < DEEPEST:
            return ",".join("" if element is None else text(element, depth + 1) for element in value)
        case "array":
            return ""
        case _:
            return "[object Object]"


def number(value: Any) -> float:
    """`Number(value)`: NaN if the value is no number. Whole numbers stay exact."""
    if isinstance(value, (int, float)):
        return value
    match kind(value):
        case "null":
            return 0
        case "string" | "array":
            return _parsed(text(value))
        case _:
            return _NAN


def primitive(value: Any) -> Any:
    """The operand of `<` and `>`: the text of a list or mapping, and any other value unchanged."""
    return text(value) if kind(value) in ("array", "object", "unknown") else value


def same(value: Any, other: Any) -> bool:
    """`value === other`: equal and of one type. A list or mapping never is."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, (list, tuple, Mapping)):
        return False
    return bool(value == other)


def alike(value: Any, other: Any) -> bool:
    """Whether two values have the same JSON, apart from the order of keys. It recurses no deeper than `other`."""
    if kind(value) != kind(other):
        return False
    match kind(other):
        case "array":
            return len(value) == len(other) and all(map(alike, value, other))
        case "object":
            return value.keys() == other.keys() and all(alike(value[key], other[key]) for key in other)
        case _:
            return same(value, other)


def _parsed(numeral: str) -> float:
    numeral = numeral.strip()
    if not numeral:
        return 0
    if _NUMERAL.fullmatch(numeral):
        return float(numeral)
    if _RADIX_NUMERAL.fullmatch(numeral):
        return int(numeral, 0)
    return _NAN


def _numeral(value: float) -> str:
    """A number as JavaScript prints it, except that whole numbers below 10^21 keep all digits."""
    if isinstance(value, int) and -(10**21) < value < 10**21:
        return str(value)
    try:
        value = float(value)
    except OverflowError:
        value = math.inf if value > 0 else -math.inf
    if not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return repr(value).replace(".0e", "e").replace("e-0", "e-")
