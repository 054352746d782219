"""A visitor's local time: time zones and parts of the day."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

PARTS = ("night", "morning", "afternoon", "evening")


LONGEST_NAME = 64
"""Characters. The longest name of a time zone has 32."""


def find_zone(name: str) -> ZoneInfo | None:
    """Find the time zone of this name. Return None if it is unknown: that must not fail a request."""
    return _find_zone(name) if len(name) <= LONGEST_NAME else None


@lru_cache(maxsize=1024)
def _find_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def part_of_day(hour: int) -> str:
    return PARTS[hour // 6]
