"""Features: contexts and actions as lines in Vowpal Wabbit's text format.

A namespace is one letter, because `-q` pairs namespaces by their first letter. A feature is a token `name=value`.
Numbers become tokens too, so that no hostile value can blow up a weight. Small integers keep their value, and other
numbers become half-octaves. Tokens are escaped. No text can end a token, a namespace or a line, and two different
features never share a token.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from edgewise.policies.policy import NAMESPACES, NOT_FEATURES, Action, Namespace
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
    "cross": "c",
}
"""The letter of each namespace in a line."""

MAX_LINE = 4096
"""The maximum number of characters of a context line. More features are left out, to keep the log small."""

MAX_ITEMS = 64
"""The maximum number of features of one namespace, and of items of one list."""

_MAX_TOKEN = 96
_MAX_CACHED = 2 * _MAX_TOKEN
"""Characters of a name and its text that are cached. Longer ones, which strangers could send, would fill the memory."""
_MAX_DEPTH = 4
_SCALARS = (str, int, float)
_LISTS = (list, tuple)
_VALUE = itemgetter(1)
_OF_VISITORS = (
    "segments",
    "returning",
    "sessions",
    "pageViews",
    "orders",
    "revenue",
    "cartItems",
    "topCategory",
    "topBrand",
    "source",
)
"""The visitor's attributes that are features. The log keeps each line, so only useful attributes are in it."""

_UNSAFE = {ord(c): f"%{ord(c):02X}" for c in map(chr, range(33))} | {ord(c): f"%{ord(c):02X}" for c in "|:%\x7f\u0085"}
_UNSAFE_IN_NAME = _UNSAFE | {ord(c): f"%{ord(c):02X}" for c in "=."}


def context_line(
    attributes: Attributes,
    namespaces: Sequence[Namespace] = NAMESPACES,
    crosses: Sequence[Sequence[str]] = (),
) -> str:
    """The context as one line of at most MAX_LINE characters: `shared |p type=home |d type=mobile`.

    Without features it is `shared |`. Vowpal Wabbit would read a line without the bar as an action.
    """
    line = "shared"
    for namespace in namespaces:
        tree = attributes.get(namespace)
        if tree and (type(tree) is dict or isinstance(tree, Mapping)):
            tokens: list[str] = []
            if namespace == "visitor":
                _collect(tokens, filter(_VALUE, zip(_OF_VISITORS, map(tree.get, _OF_VISITORS), strict=True)), "", 1)
            else:
                _collect(tokens, tree.items(), "", 1)
            if tokens:
                line = f"{line} |{LETTERS[namespace]} {' '.join(tokens[:MAX_ITEMS])}"
    if crosses:
        tokens = [token for cross in crosses if (token := _cross_token(attributes, cross)) is not None]
        if tokens:
            line = f"{line} |{LETTERS['cross']} {' '.join(tokens)}"
    if line == "shared":
        return "shared |"
    return line if len(line) <= MAX_LINE else line[: line.rindex(" ", 0, MAX_LINE + 1)]


def _cross_token(attributes: Attributes, cross: Sequence[str]) -> str | None:
    """The values of several attributes as one feature. None if one of them is missing, or has no single value."""
    names, values = [], []
    for path in cross:
        found: Any = attributes
        keys = path.split(".")
        for name in keys:
            found = found.get(name) if isinstance(found, Mapping) else None
        text = _value_text(found) if isinstance(found, _SCALARS) else None
        if text is None:
            return None
        names.append(".".join(map(_name, keys)))
        values.append(text)
    # No escaped text and no bucket has `%x`.
    return f"{_bounded('%x'.join(names))}={_bounded('%x'.join(values))}"


def slot_line(context: str, slot: int, slots: int) -> str:
    """The context line of one slot. Only a policy with several slots has a slot feature."""
    return context if slots == 1 else f"{context} |{LETTERS['slot']} slot={slot}"


def action_line(action: Action) -> str:
    """An action as one line: `|a id=student-deal tone=young discount=10`."""
    tokens = [f"id={_escaped(action.id)}"]
    _collect(tokens, action.features.items(), "f.", 1)
    del tokens[MAX_ITEMS:]
    return f"|{LETTERS['action']} {' '.join(tokens)}"


def _collect(tokens: list[str], items: Iterable[tuple[str, Any]], prefix: str, depth: int) -> None:
    """Add the tokens of these values."""
    for name, value in items:
        kind = type(value)
        if kind is str and len(value) + len(name) <= _MAX_CACHED:
            token = _text_token(prefix, name, value)
        elif kind is int or kind is float or kind is bool:
            token = (_number_token if len(name) <= _MAX_CACHED else _token)(prefix, name, value) if value else None
        else:
            _collect_inside(tokens, name, value, prefix, depth)
            continue
        if token is not None:
            tokens.append(token)


def _collect_inside(tokens: list[str], name: str, value: Any, prefix: str, depth: int) -> None:
    """Add the tokens of a list, a mapping or a long text."""
    if len(tokens) >= MAX_ITEMS:
        return
    if isinstance(value, _LISTS):
        _collect(tokens, [(name, item) for item in value[:MAX_ITEMS] if isinstance(item, _SCALARS)], prefix, depth)
    elif isinstance(value, str):
        token = _token(prefix, name, value)
        if token is not None:
            tokens.append(token)
    elif isinstance(value, Mapping) and depth < _MAX_DEPTH and name not in NOT_FEATURES:
        _collect(tokens, value.items(), f"{prefix}{_bounded(_name(name))}.", depth + 1)


def _token(prefix: str, name: str, value: str | bool | int | float) -> str | None:
    if name in NOT_FEATURES:
        return None
    text = _value_text(value)
    return None if text is None else f"{prefix}{_name(name)}={text}"


def _value_text(value: str | bool | int | float) -> str | None:
    return _escaped(value) if isinstance(value, str) else "%true" if value is True else _bucket(value)


# A site sends the same few values again and again. Texts have their own cache, because a typed cache, which separates 1
# from 1.0 and True, is slower.
_text_token = lru_cache(maxsize=1 << 14)(_token)
_number_token = lru_cache(maxsize=1 << 14, typed=True)(_token)


def _name(name: str) -> str:
    return _cached_name(name) if len(name) <= _MAX_CACHED else _clean_name(name)


def _clean_name(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _bounded(_clean(name, _UNSAFE_IN_NAME))


_cached_name = lru_cache(maxsize=1 << 12)(_clean_name)


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
    """Small integers keep their value. Other numbers become sign and half-octave: `%h13` for 90.5 to 128.

    Zero, false and NaN are no features, as a missing feature has the same meaning at no cost. The `%` separates numbers
    from texts that look like them. In an escaped text, two capital hexadecimal digits follow each `%`.
    """
    if not number or number != number:
        return None
    if -16 <= number <= 16 and number == int(number):
        return f"%n{int(number)}"
    magnitude = min(abs(number), 1e18)
    return f"%{'h' if number > 0 else 'm'}{math.floor(2 * math.log2(magnitude)) if magnitude > 1e-9 else -60}"
