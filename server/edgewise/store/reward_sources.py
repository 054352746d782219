"""Reward sources: how many rewarding outcomes each address brought to a policy, to notice one who steers it.

One sorted set for each policy and day has the addresses with the most rewards, as keyed digests. When it is full, a new
address takes the place of the last one and its count. This is the space-saving sketch of Metwally, Agrawal and El
Abbadi (2005). The counts add up to all rewards, and one is too high by at most a 256th of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, Script
from edgewise.types import Digest, Milliseconds, PolicyRef

MOST_SOURCES = 256
FEW = 3
"""An alarm is raised if so many addresses bring most of a policy's rewards."""

ENOUGH_REWARDS = 100
"""With fewer rewards, a few visitors bring most of them as a rule."""

SERVER: Digest = b""
"""The source of all calls with the secret key. Their rewards count, but they are no address."""

_DAY: Milliseconds = 24 * 3600 * 1000
_TTL: Milliseconds = 2 * _DAY

# KEYS: sources, total. ARGV: the source, the most sources, the TTL.
_count = Script("""
    local count = 1
    if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
        count = count + redis.call('ZPOPMIN', KEYS[1])[2]
    end
    redis.call('ZINCRBY', KEYS[1], count, ARGV[1])
    if redis.call('INCR', KEYS[2]) == 1 then
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        redis.call('PEXPIRE', KEYS[2], ARGV[3])
    end
""")


class RewardShare(NamedTuple):
    """The rewards of today and yesterday (UTC), and the share of them that the `FEW` busiest addresses brought."""

    rewards: int
    share: float

    @property
    def is_alarming(self) -> bool:
        """Whether few addresses bring most of the rewards."""
        return self.rewards >= ENOUGH_REWARDS and self.share > 0.5


def count_command(ref: PolicyRef, source: Digest, now: Milliseconds) -> Command:
    """Count one rewarding outcome of a source."""
    day = now // _DAY
    return _count.command([keys.reward_sources(ref, day), keys.rewards(ref, day)], source, MOST_SOURCES, _TTL)


class RewardSources:
    """The rewards of all policies, by source. Every method raises `StoreUnavailable` if the store does not answer."""

    count_command = staticmethod(count_command)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def shares(self, refs: Sequence[PolicyRef], now: Milliseconds) -> dict[PolicyRef, RewardShare]:
        """The share of the busiest addresses in each policy."""
        days = (now // _DAY - 1, now // _DAY)
        commands: list[Command] = []
        for ref in refs:
            for day in days:
                commands.append(("GET", keys.rewards(ref, day)))
                commands.append(("ZREVRANGE", keys.reward_sources(ref, day), 0, FEW, "WITHSCORES"))
        replies = iter(await self._client.execute_all(commands))
        shares = {}
        for ref in refs:
            total, counts = 0, dict[Digest, float]()
            for _ in days:
                total += int(next(replies) or 0)
                for source, count in _pairs(next(replies)):
                    counts[source] = counts.get(source, 0.0) + count
            counts.pop(SERVER, None)
            top = sum(sorted(counts.values())[-FEW:])
            shares[ref] = RewardShare(total, min(1.0, top / total) if total else 0.0)
        return shares


def _pairs(reply: Sequence[object]) -> list[tuple[Digest, float]]:
    """Members with scores, from a reply in either version of the store's protocol."""
    flat = [part for item in reply for part in (item if isinstance(item, list | tuple) else (item,))]
    return [(bytes(member), float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)]
