"""A visitor's own clock: time zones and parts of the day."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

_PARTS = ("night", "morning", "afternoon", "evening")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The zone of this name; None where there is none: a visitor's odd clock is no reason to turn them away."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def part_of_day(hour: int) -> str:
    """Six hours each: night, morning, afternoon, evening."""
    return _PARTS[hour // 6]
