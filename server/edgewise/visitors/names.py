"""Names: the texts in a profile, bounded, and how often or when each was met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta

from edgewise.types import Milliseconds

MAX_NAME_BYTES = 40
MAX_COUNT = 2**32 - 1

Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
"""A time since the epoch in whole seconds, or a span of them; 0 is none."""


def seconds(time: Milliseconds) -> int:
    """This time as a profile keeps it."""
    return min(max(time // 1000, 0), MAX_COUNT)


def bounded(text: str) -> str:
    """The text as a profile keeps it: at most 40 bytes of UTF-8."""
    if len(text) <= MAX_NAME_BYTES and text.isascii():
        return text
    return text.encode("utf-8", "replace")[:MAX_NAME_BYTES].decode("utf-8", "ignore")


def counted(count: int, more: int = 1) -> int:
    """A count, as large as a profile keeps it."""
    return min(count + more, MAX_COUNT)


def with_one(counts: Mapping[str, int], name: str, limit: int) -> dict[str, int]:
    """One more of these. When there are too many names, the one that was counted least makes room."""
    name = bounded(name)
    more = dict(counts)
    if name not in more and len(more) >= limit:
        del more[min(more, key=lambda each: (more[each], each))]
    more[name] = counted(more.get(name, 0))
    return more


def summed(one: Mapping[str, int], other: Mapping[str, int], limit: int) -> dict[str, int]:
    """The counts of both, the most counted ones."""
    both = {name: counted(one.get(name, 0), other.get(name, 0)) for name in one.keys() | other.keys()}
    return most(both, limit)


def latest(one: Mapping[str, int], other: Mapping[str, int], limit: int) -> dict[str, int]:
    """The later time of each, the latest ones."""
    both = {name: max(one.get(name, 0), other.get(name, 0)) for name in one.keys() | other.keys()}
    return most(both, limit)


def most(values: Mapping[str, int], limit: int) -> dict[str, int]:
    """Those with the greatest values, in an order that does not depend on how they came together."""
    kept = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return dict(sorted(kept))
