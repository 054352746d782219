"""Traits: facts about a visitor that an identify call or a server sets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from msgspec import Meta

from edgewise.errors import Problem
from edgewise.visitors.names import MAX_NAME_BYTES, Seconds, bounded

MAX_TRAITS = 6
"""A profile keeps the traits that were set last."""

MAX_NUMBER = 2**53

BY_SERVER = 2**32
"""Added to the time at which a server of the site set a trait. Such a trait is therefore later than any that a browser
sets, so it wins and stays. Without it, visitors could change what the site knows about them."""

Value: TypeAlias = str | bool | int | float
SetAt: TypeAlias = Annotated[int, Meta(ge=0, lt=2 * BY_SERVER)]
"""When a trait was set: a time in seconds, plus `BY_SERVER` if a server set it."""

Traits: TypeAlias = Annotated[dict[str, tuple[SetAt, Value]], Meta(max_length=MAX_TRAITS)]
"""By name: when the trait was set, and its value."""


def check_traits(traits: Mapping[str, Any]) -> list[Problem]:
    """Find every trait that a profile could not keep unchanged. A path is `traits`, or `traits.` and a name."""
    problems = []
    if len(traits) > MAX_TRAITS:
        problems.append(Problem("traits", f"Expected at most {MAX_TRAITS} traits, found {len(traits)}."))
    for name, value in traits.items():
        if (wrong := _text_problem(name, "a name", least=1)) is not None:
            problems.append(Problem("traits", wrong))
        if (wrong := _value_problem(value)) is not None:
            problems.append(Problem(f"traits.{name[:MAX_NAME_BYTES]}", wrong))
    return problems


def set_at(time: Seconds, *, by_server: bool) -> SetAt:
    return time + BY_SERVER if by_server else time


def with_traits(known: Traits, given: Mapping[str, Any], at: SetAt) -> Traits:
    """The traits after these were set. A trait that is given as None is removed.

    Texts are cut to 40 bytes. Lists and mappings are left out, because conditions cannot use them.
    """
    traits = dict(known)
    for name, value in given.items():
        name = bounded(name)
        if name in traits and traits[name][0] > at:
            continue
        if value is None:
            traits.pop(name, None)
        elif isinstance(value, str):
            traits[name] = (at, bounded(value))
        elif isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= MAX_NUMBER):
            traits[name] = (at, value)
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
    kept = sorted(traits.items(), key=lambda item: (-item[1][0], item[0]))[:MAX_TRAITS]
    return dict(sorted(kept))


def _merge_order(trait: tuple[int, Value]) -> tuple[int, str, str]:
    return trait[0], type(trait[1]).__name__, repr(trait[1])


def _value_problem(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_problem(value, "a text", least=0)
    if isinstance(value, int | float):
        fits = -MAX_NUMBER <= value <= MAX_NUMBER  # False for NaN, too.
        return None if fits else f"Expected a number from -2^53 to 2^53, found {str(value)[:24]}."
    return f"Expected a text, a number, true, false or null, found a value of type {type(value).__name__}."


def _text_problem(text: str, what: str, least: int) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"Expected {what} in Unicode, found half of a surrogate pair."
    if not least <= size <= MAX_NAME_BYTES:
        return f"Expected {what} of {least} to {MAX_NAME_BYTES} bytes of UTF-8, found {size}."
    return f"Expected {what} without NUL characters." if "\0" in text else None
