"""The wall clock, in the unit that the store uses."""

from __future__ import annotations

from time import time_ns

from edgewise.types import Milliseconds


def now_ms() -> Milliseconds:
    """The time since the epoch."""
    return time_ns() // 1_000_000
