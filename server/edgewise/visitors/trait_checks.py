"""Told traits: what a server says of a visitor, held against what a profile has room for, before any of it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.errors import Problem
from edgewise.visitors.names import MAX_NAME_BYTES
from edgewise.visitors.traits import MAX_TRAITS

MAX_NUMBER = 2**53


def problems_of(traits: Mapping[str, Any]) -> list[Problem]:
    """Everything in these traits that could not be kept as it is; the paths are the names, below `traits`.

    A trait is a text of at most 40 bytes, a number, true or false; none forgets it.
    """
    problems = []
    if len(traits) > MAX_TRAITS:
        problems.append(Problem("traits", f"found {len(traits)} traits, expected at most {MAX_TRAITS}"))
    for name, value in traits.items():
        if (wrong := _wrong_text(name)) is not None:
            problems.append(Problem("traits", f"found a name of {wrong}"))
        if (wrong := _wrong(value)) is not None:
            problems.append(Problem(f"traits.{name[:MAX_NAME_BYTES]}", f"found {wrong}"))
    return problems


def _wrong(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _wrong_text(value, least=0)
    if isinstance(value, int | float):
        fits = -MAX_NUMBER <= value <= MAX_NUMBER  # False for what is no number.
        return None if fits else f"{str(value)[:24]}, expected a number from -2^53 to 2^53"
    return f"a value of type {type(value).__name__}, expected a text, a number, true, false or null"


def _wrong_text(text: str, least: int = 1) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "text that is no Unicode (half of a surrogate pair), expected UTF-8"
    if not least <= size <= MAX_NAME_BYTES:
        return f"{size} bytes, expected {least} to {MAX_NAME_BYTES}"
    return "text with a NUL in it, expected one without" if "\0" in text else None
