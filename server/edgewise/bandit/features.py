"""Features: what the model sees of a context and of an action, as lines in Vowpal Wabbit's text format.

A namespace is one letter, a different one for each, because `-q` pairs namespaces by their first letter. A feature is a
token `name=value`; numbers become tokens too (small integers as they are, others by half-octaves), so that no value,
however hostile, can blow up a weight. Tokens are escaped: no text can end a token, a namespace or a line, and two
different features never share a token.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from edgewise.policies.policy import NAMESPACES, Action, Namespace
from edgewise.types import Attributes

LETTERS: Mapping[Namespace | str, str] = {
    "page": "p",
    "device": "d",
    "place": "g",
    "locale": "l",
    "time": "t",
    "visitor": "v",
    "data": "x",
    "action": "a",
    "slot": "s",
}
"""The letter of each namespace in a line."""

MAX_LINE = 4096
"""Characters of a context line; features past it are left out, so that no caller can bloat the log."""

_MAX_TOKEN = 96
_MAX_DEPTH = 4
_MAX_ITEMS = 64
_NOT_FEATURES = frozenset({"url", "title", "id"})
_UNSAFE = {ord(c): f"%{ord(c):02X}" for c in map(chr, range(33))} | {ord(c): f"%{ord(c):02X}" for c in "|:%\x7f\u0085"}
_UNSAFE_IN_NAME = _UNSAFE | {ord(c): f"%{ord(c):02X}" for c in "=."}


def context_line(attributes: Attributes, namespaces: Sequence[Namespace] = NAMESPACES) -> str:
    """The context as one line: `shared |p type=home |d type=mobile`, at most MAX_LINE characters."""
    parts = ["shared"]
    for namespace in namespaces:
        tree = attributes.get(namespace)
        if tree and isinstance(tree, Mapping):
            tokens = [token for _, token in zip(range(_MAX_ITEMS), _tokens(tree), strict=False)]
            if tokens:
                parts.append(f"|{LETTERS[namespace]} {' '.join(tokens)}")
    line = " ".join(parts)
    return line if len(line) <= MAX_LINE else line[: line.rindex(" ", 0, MAX_LINE + 1)]


def slot_line(context: str, slot: int, slots: int) -> str:
    """The context of one slot of a row. A single placement has no slot feature."""
    return context if slots == 1 else f"{context} |{LETTERS['slot']} slot={slot}"


def action_line(action: Action) -> str:
    """An action as one line: `|a id=student-deal tone=young discount=10`."""
    tokens = [f"id={_escaped(action.id)}", *_tokens(action.features, prefix="f.")]
    return f"|{LETTERS['action']} {' '.join(tokens)}"


def _tokens(tree: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[str]:
    for name, value in tree.items():
        if name in _NOT_FEATURES:
            continue
        path = prefix + (name if name.isidentifier() and name.isascii() else _bounded(_clean(name, _UNSAFE_IN_NAME)))
        if isinstance(value, Mapping):
            if depth < _MAX_DEPTH:
                yield from _tokens(value, f"{path}.", depth + 1)
        elif isinstance(value, list | tuple):
            for item in value[:_MAX_ITEMS]:
                text = _value(item)
                if text is not None:
                    yield f"{path}={text}"
        else:
            text = _value(value)
            if text is not None:
                yield f"{path}={text}"


def _value(value: Any) -> str | None:
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, bool):
        return "%true" if value else "%false"
    if isinstance(value, int | float):
        return _bucket(value)
    return None


def _escaped(text: str) -> str:
    return text if text.isalnum() and text.isascii() and len(text) <= _MAX_TOKEN else _bounded(_clean(text, _UNSAFE))


def _clean(text: str, unsafe: Mapping[int, str]) -> str:
    text = text.translate(unsafe)
    # A lone surrogate has no UTF-8 form, which is what Vowpal Wabbit reads and what the log holds.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _bounded(text: str) -> str:
    if len(text) <= _MAX_TOKEN:
        return text
    return f"{text[: _MAX_TOKEN - 17]}%{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _bucket(number: float) -> str | None:
    """Small integers as they are; others by sign and half-octave: `%h13` for 90.5 to 128. NaN is no feature.

    The `%` keeps numbers apart from texts that look like them: in an escaped text, `%` only stands before two
    hexadecimal digits in capitals.
    """
    if -16 <= number <= 16 and number == int(number):
        return f"%n{int(number)}"
    if number != number:
        return None
    magnitude = min(abs(number), 1e18)
    return f"%{'h' if number > 0 else 'm'}{math.floor(2 * math.log2(magnitude)) if magnitude > 1e-9 else -60}"
