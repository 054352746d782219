"""A visitor's local time: time zones and parts of the day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

PARTS = ("night", "morning", "afternoon", "evening")


LONGEST_NAME = 64
"""Characters. The longest name of a time zone has 32."""


# A search on the disk takes 0.4 ms for an unknown name, and anybody can send many of those.
_ZONES = {name.lower(): name for name in (files("tzdata") / "zones").read_text().split()}
_OFFSET = re.compile(r"(?:utc|gmt)?([+-])0?([0-9]|1[0-4])(?::?00)?")


def zone_names() -> Iterable[str]:
    return _ZONES.values()


def find_zone(name: str) -> ZoneInfo | None:
    """Find the time zone of this name, such as `Europe/Berlin`, or of an offset such as `UTC+2` or `+02:00`.

    Case, and spaces in place of underscores, do not matter. Return None if it is unknown: that must not fail a request.
    """
    return _find_zone(name) if len(name) <= LONGEST_NAME else None


@lru_cache(maxsize=1024)
def _find_zone(name: str) -> ZoneInfo | None:
    word = "_".join(name.lower().split())
    found = _ZONES.get(word) or _ZONES.get(_zone_of_offset(word))
    return None if found is None else ZoneInfo(found)


def _zone_of_offset(word: str) -> str:
    """The zone of an offset. The names of these zones have the opposite sign."""
    offset = _OFFSET.fullmatch(word)
    return "" if offset is None else f"etc/gmt{'-' if offset[1] == '+' else '+'}{offset[2]}"


def part_of_day(hour: int) -> str:
    return PARTS[hour // 6]
