"""Budgets: how much one subject may use of something in a span of time, for all workers and servers together.

A budget is a generic cell rate algorithm (GCRA). The store keeps one time for each subject: when its budget will be
full again. Each use moves that time on by the span of one use.
"""

from __future__ import annotations

from edgewise.store import keys
from edgewise.store.scripts import Command, Script
from edgewise.types import Milliseconds

# KEYS: budget. ARGV: the wanted uses, the span of one use in microseconds, the most uses at once.
# A time that is too far ahead comes from a store's clock that was set back.
_take = Script("""
    local time = redis.call('TIME')
    local now, span, most = time[1] * 1000000 + time[2], tonumber(ARGV[2]), tonumber(ARGV[3])
    local full = tonumber(redis.call('GET', KEYS[1]) or '0')
    full = math.min(math.max(full, now), now + span * most)
    local granted = math.min(tonumber(ARGV[1]), math.floor(most - (full - now) / span))
    if granted > 0 then
        full = full + granted * span
        redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', string.format('%.0f', (full - now) / 1000 + 1))
    end
    return math.max(granted, 0)
""")


def take_command(budget: str, subject: str, count: int, most: int, period: Milliseconds) -> Command:
    """Take up to `count` uses of a budget of `most` uses in a period. The reply is the number of granted uses."""
    span = max(1, period * 1000 // most)
    return _take.command([keys.budget(budget, subject)], count, span, most)
