"""Traits: facts about a visitor that an identify call or a server sets, by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Raw

from edgewise.config.messages import json_noun
from edgewise.errors import Problem
from edgewise.visitors.names import MAX_NAME_BYTES, Seconds, bounded, cut

log = logging.getLogger(__name__)

MAX_TRAITS = 64
"""A profile keeps the traits that were set last, as many as fit into it."""

MAX_TEXT_BYTES = 256
"""For a text, and for all texts of a list together."""

MAX_LIST = 16
MAX_NUMBER = 2**53

BY_SERVER = 2**32
"""Added to the time at which a server of the site set a trait. Such a trait is therefore later than any that a browser
sets, so it wins and stays. Without it, visitors could change what the site knows about them."""

Scalar: TypeAlias = str | bool | int | float
Value: TypeAlias = Scalar | tuple[Scalar, ...]
SetAt: TypeAlias = Annotated[int, Meta(ge=0, lt=2 * BY_SERVER)]
"""When a trait was set: a time in seconds, plus `BY_SERVER` if a server set it."""

Traits: TypeAlias = Annotated[dict[str, tuple[SetAt, Value]], Meta(max_length=MAX_TRAITS)]
"""By name: when the trait was set, and its value."""

_decoder = msgspec.msgpack.Decoder(Traits)


def decode_traits(raw: Raw) -> Traits:
    """Decode the traits of a partial profile. They are empty if their format is unknown."""
    try:
        return _decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        log.error("A visitor's traits cannot be read and are ignored: %s.", error)
        return {}


def check_traits(traits: Mapping[str, Any]) -> list[Problem]:
    """Find every trait that a profile could not keep unchanged. A path is `traits`, or `traits.` and a name."""
    problems = []
    if len(traits) > MAX_TRAITS:
        problems.append(Problem("traits", f"Expected at most {MAX_TRAITS} traits, found {len(traits)}."))
    for name, value in traits.items():
        if (wrong := _text_problem(name, "a name", 1, MAX_NAME_BYTES)) is not None:
            problems.append(Problem("traits", wrong))
        if (wrong := _value_problem(value)) is not None:
            problems.append(Problem(f"traits.{name[:MAX_NAME_BYTES]}", wrong))
    return problems


def set_at(time: Seconds, *, by_server: bool) -> SetAt:
    return time + BY_SERVER if by_server else time


def with_traits(known: Traits, given: Mapping[str, Any], at: SetAt) -> Traits:
    """The traits after these were set. A trait that is given as None is removed.

    Texts are cut to 256 bytes, and lists to 16 values and 256 bytes of text. Mappings are left out, because conditions
    cannot use them.
    """
    traits = dict(known)
    for name, value in given.items():
        name = bounded(name)
        if name in traits and traits[name][0] > at:
            continue
        if value is None:
            traits.pop(name, None)
        elif (kept := _read_value(value)) is not None:
            traits[name] = (at, kept)
    return keep_newest(traits)


def merge_traits(one: Traits, other: Traits) -> Traits:
    """The traits of both. For a name in both, the value that was set last wins."""
    both = {
        name: max((traits[name] for traits in (one, other) if name in traits), key=_merge_order)
        for name in one.keys() | other.keys()
    }
    return keep_newest(both)


def keep_newest(traits: Traits) -> Traits:
    """Keep the traits that were set last. The order of the result does not depend on that of the argument."""
    return dict(sorted(_newest_first(traits)[:MAX_TRAITS]))


def free_bytes(traits: Traits, bytes: int) -> Traits:
    """Drop the traits that were set first, until the encoded traits are shorter by this many bytes.

    Those of browsers go before those of servers. Of traits that were set at the same time, the last names go first.
    """
    kept = _newest_first(traits)
    while kept and bytes > 0:
        bytes -= len(msgspec.msgpack.encode(kept.pop())) - 1
    return dict(sorted(kept))


def _newest_first(traits: Traits) -> list[tuple[str, tuple[int, Value]]]:
    return sorted(traits.items(), key=lambda item: (-item[1][0], item[0]))


def _merge_order(trait: tuple[int, Value]) -> tuple[int, str, str]:
    return trait[0], type(trait[1]).__name__, repr(trait[1])


def _read_value(value: Any) -> Value | None:
    """The value as a profile keeps it. None for a value that it does not keep."""
    if not isinstance(value, list | tuple):
        return _read_scalar(value, MAX_TEXT_BYTES)
    room, kept = MAX_TEXT_BYTES, list[Scalar]()
    for element in value[:MAX_LIST]:
        scalar = _read_scalar(element, room)
        if isinstance(scalar, str):
            room -= len(scalar.encode())
        if scalar is not None and (scalar != "" or element == ""):
            kept.append(scalar)
    return tuple(kept)


def _read_scalar(value: Any, longest: int) -> Scalar | None:
    if isinstance(value, str):
        return cut(value, longest)
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= MAX_NUMBER):
        return value
    return None


def _value_problem(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return _list_problem(value)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_problem(value, "a text", 0, MAX_TEXT_BYTES)
    if isinstance(value, int | float):
        fits = -MAX_NUMBER <= value <= MAX_NUMBER  # False for NaN, too.
        return None if fits else f"Expected a number from -2^53 to 2^53, found {str(value)[:24]}."
    expected = "a text, a number, true, false, null or a list"
    return f"Expected {expected}, found {json_noun(value)}."


def _list_problem(values: list[Any] | tuple[Any, ...]) -> str | None:
    if len(values) > MAX_LIST:
        return f"Expected a list of at most {MAX_LIST} values, found {len(values)}."
    for value in values:
        if value is None or isinstance(value, list | tuple):
            return f"Expected a list of texts, numbers, true or false, found {json_noun(value)}."
        if (wrong := _value_problem(value)) is not None:
            return wrong
    size = sum(len(value.encode()) for value in values if isinstance(value, str))
    if size > MAX_TEXT_BYTES:
        return f"Expected a list with at most {MAX_TEXT_BYTES} bytes of text, found {size}."
    return None


def _text_problem(text: str, what: str, least: int, most: int) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"Expected {what} in Unicode, found half of a surrogate pair."
    if not least <= size <= most:
        return f"Expected {what} of {least} to {most} bytes of UTF-8, found {size}."
    return f"Expected {what} without NUL characters." if "\0" in text else None
