"""Plain English for the validation errors of msgspec."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from edgewise.errors import Problem
from edgewise.visitors.message import NO_NUL

_LONGEST_VALUE = 80

_NOUNS: Mapping[str, str] = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "a boolean",
    "array": "a list",
    "object": "an object",
    "datetime": "a time",
    "bytes": "bytes",
    "null": "null",
}
_UNITS: Mapping[str, str] = {"str": "character", "array": "item", "object": "field"}
_BOUNDS: Mapping[str, str] = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}

_SENTENCES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"Expected `(.+)`, got `(.+)`", lambda found: f"Expected {_nouns(found[1])}, found {_nouns(found[2])}."),
    (
        r"Expected `(\w+)` of length (\S+) (\d+)",
        lambda found: f"Expected {_BOUNDS[found[2]]} {_counted(found[3], _UNITS[found[1]])}.",
    ),
    (
        r"Expected `(\w+)` ([<>]=?) (.+)",
        lambda found: f"Expected {_nouns(found[1])} of {_BOUNDS[found[2]]} {found[3]}.",
    ),
    (
        rf"Expected `str` matching regex {re.escape(repr(NO_NUL))}",
        lambda _: "Expected a text without NUL characters. Remove them.",
    ),
    (r"(?:Number|Integer value) out of range", lambda _: "Expected a number of at most 64 bits, found a larger one."),
    (r"Object missing required field `(.+)`", lambda found: f"Missing field `{found[1]}`. Add it."),
    (r"Object contains unknown field `(.+)`", lambda found: f"Unknown field `{found[1][:_LONGEST_VALUE]}`. Remove it."),
    (
        r"Invalid enum value (.+)",
        lambda found: f"Unknown value {found[1][:_LONGEST_VALUE]}. Use one of the values in /openapi.json.",
    ),
    (
        r"Invalid RFC3339 encoded datetime",
        lambda _: "Expected a time such as 2026-01-31T12:00:00Z, found another text.",
    ),
)


def problem_of(error: msgspec.ValidationError) -> Problem:
    """The problem with its path, such as `placements[0].id`. The path of the whole input is empty."""
    message, _, path = str(error).rpartition(" - at ")
    if not message:
        message, path = path, ""
    return Problem(path.replace("`", "").replace("$.", "").replace("$", ""), _sentence(message))


def _sentence(message: str) -> str:
    for pattern, sentence in _SENTENCES:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return sentence(found)
    return f"{message.rstrip('.')}."


def _nouns(types: str) -> str:
    return " or ".join(_NOUNS.get(type, f"`{type}`") for type in types.split(" | "))


def _counted(number: str, unit: str) -> str:
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"
