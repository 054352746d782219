"""Traits: what an identify call says of a visitor, as far as a profile has room for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from msgspec import Meta

from edgewise.visitors.names import Seconds, bounded

MAX_TRAITS = 6
"""Those that were told last."""

Value: TypeAlias = str | bool | int | float
Traits: TypeAlias = Annotated[dict[str, tuple[Seconds, Value]], Meta(max_length=MAX_TRAITS)]
"""By name: when it was told, and what it is."""

_MAX_NUMBER = 2**53


def with_traits(known: Traits, told: Mapping[str, Any], at: int) -> Traits:
    """What is known after this was told at this second. A trait that is told to be none is forgotten.

    Texts are cut to 40 bytes. Lists and mappings are left out: conditions have no use for them.
    """
    traits = dict(known)
    for name, value in told.items():
        name = bounded(name)
        if name in traits and traits[name][0] > at:
            continue
        if value is None:
            traits.pop(name, None)
        elif isinstance(value, str):
            traits[name] = (at, bounded(value))
        elif isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= _MAX_NUMBER):
            traits[name] = (at, value)
    return newest(traits)


def united(one: Traits, other: Traits) -> Traits:
    """The traits of both: of each, what was told last."""
    both = {
        name: max((traits[name] for traits in (one, other) if name in traits), key=_order)
        for name in one.keys() | other.keys()
    }
    return newest(both)


def newest(traits: Traits) -> Traits:
    """Those that were told last, in an order that does not depend on how they came together."""
    kept = sorted(traits.items(), key=lambda item: (-item[1][0], item[0]))[:MAX_TRAITS]
    return dict(sorted(kept))


def _order(trait: tuple[int, Value]) -> tuple[int, str, str]:
    return trait[0], type(trait[1]).__name__, repr(trait[1])
