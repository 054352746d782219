"""The texts of problems: each names the invalid value and the next step for its author."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

LONGEST_QUOTE = 80
"""Characters of a text that a message quotes."""


_JSON_NOUNS: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


def describe(value: Any) -> str:
    """The value as messages show it: short texts and numbers in full, lists and tables by their kind."""
    match value:
        case None | bool() | str():
            quoted = json.dumps(value, ensure_ascii=False)
            return quoted if len(quoted) <= LONGEST_QUOTE else f"{quoted[: LONGEST_QUOTE - 1]}…"
        case int():
            return str(value) if abs(value) < 10**30 else "a very large whole number"
        case float():
            return repr(value)
        case list() | tuple():
            return f"a list of {len(value)} element{'' if len(value) == 1 else 's'}"
        case dict():
            return "a table"
        case datetime():
            return "a date and time"
        case _:
            return f"a {type(value).__name__}"


def json_noun(value: Any) -> str:
    """The kind of a JSON value: `an object`, `a list`."""
    return _JSON_NOUNS.get(type(value), f"a {type(value).__name__}")


def mismatch(expected: str, value: Any) -> str:
    """`Expected a whole number from 1 to 20, found 0.`"""
    return f"Expected {expected}, found {describe(value)}."


def missing(thing: str, advice: str) -> str:
    """`Missing policy file. Add one.`"""
    return f"Missing {thing}. {advice}"


def unknown(thing: str, value: str, known: Iterable[str], advice: str = "") -> str:
    """``Unknown key "slot". Did you mean `slots`?``

    When no known name is close to the value, `advice` follows. The default advice lists the known names.
    """
    names = list(known)
    advice = advice or f"Use one of {', '.join(names)}."
    return f"Unknown {thing} {describe(value)}.{suggestion(value, names) or f' {advice}'}"


def duplicate(thing: str, value: str, first: str) -> str:
    """`Duplicate action id "plain". It is already used at actions[0].id.`"""
    return f"Duplicate {thing} {describe(value)}. It is already used at {first}. Use another one."


def suggestion(value: str, known: Iterable[str]) -> str:
    """``Did you mean `slots`?`` after a space, or nothing when no known name is close to the value."""
    close = difflib.get_close_matches(value, list(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""
