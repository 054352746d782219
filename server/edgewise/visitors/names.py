"""Bounded texts, counts and times, as a profile keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta

from edgewise.types import Milliseconds

MAX_NAME_BYTES = 40
MAX_COUNT = 2**32 - 1

Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
"""A time since the epoch or a span of time, in whole seconds. 0 is none."""


def seconds(time: Milliseconds) -> int:
    return min(max(time // 1000, 0), MAX_COUNT)


def bounded(text: str) -> str:
    return cut(text, MAX_NAME_BYTES)


def cut(text: str, longest: int) -> str:
    """The beginning of a text, at most this many bytes of UTF-8."""
    if len(text) <= longest and text.isascii():
        return text
    return text.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore")


def add_counts(count: int, more: int = 1) -> int:
    return min(count + more, MAX_COUNT)


def count_name(counts: Mapping[str, int], name: str, limit: int) -> dict[str, int]:
    """Add one to a name's count. A new name replaces the rarest one if there are `limit` names already."""
    name = bounded(name)
    more = dict(counts)
    if name not in more and len(more) >= limit:
        del more[min(more, key=lambda each: (more[each], each))]
    more[name] = add_counts(more.get(name, 0))
    return more


def merge_counts(one: Mapping[str, int], other: Mapping[str, int], limit: int) -> dict[str, int]:
    both = {name: add_counts(one.get(name, 0), other.get(name, 0)) for name in one.keys() | other.keys()}
    return keep_greatest(both, limit)


def merge_times(one: Mapping[str, int], other: Mapping[str, int], limit: int) -> dict[str, int]:
    """Take the later time of each name, and keep the latest."""
    both = {name: max(one.get(name, 0), other.get(name, 0)) for name in one.keys() | other.keys()}
    return keep_greatest(both, limit)


def keep_greatest(values: Mapping[str, int], limit: int) -> dict[str, int]:
    """Keep the greatest values. The order of the result does not depend on that of the argument."""
    kept = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return dict(sorted(kept))
