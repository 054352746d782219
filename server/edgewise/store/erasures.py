"""Pending erasures of a site: digests of visitors and the state of each. Removed when they are complete."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from edgewise.errors import StoreUnavailable
from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Argument, Script
from edgewise.types import Digest, Milliseconds

MOST_WAITING = 100_000
"""The most waiting digests of one site. They take some megabytes."""

_FOLDING = b"folding"
_NO_LIMIT = 2**53
_MAX_ARGUMENTS = 2000
"""Arguments of one script. Lua's stack has room for some thousands."""

_REWRITE = b"rewrite"
"""Its length differs from a digest's, so no digest can equal it."""

# KEYS: erasures. ARGV: the limit, milliseconds to wait, digests. A second request never extends the wait.
_add = Script("""
    if redis.call('HLEN', KEYS[1]) + #ARGV - 2 > tonumber(ARGV[1]) then return false end
    local time = redis.call('TIME')
    local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
    for i = 3, #ARGV do
        local earlier = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '')
        local this = earlier and math.min(earlier, due) or due
        redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f', this))
    end
    return string.format('%.0f', due)
""")
_read = Script("""
    local time = redis.call('TIME')
    return {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HGETALL', KEYS[1])}
""")
# KEYS: erasures. ARGV: the new state, then digests and their old states. A digest in another state is not changed.
_advance = Script("""
    for i = 2, #ARGV, 2 do
        if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
            if ARGV[1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
            else redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
        end
    end
    if ARGV[1] == '' then redis.call('HSET', KEYS[1], 'rewrite', '') end
""")


class Pending(NamedTuple):
    """The pending erasures of one site.

    `waiting` maps each digest to its latest time. The digests in `folding` are gone from profiles and logs, and the
    models are being rebuilt. `rewrite` is true while the append-only file still has erased data.
    """

    now: Milliseconds
    waiting: Mapping[Digest, Milliseconds]
    folding: Collection[Digest]
    rewrite: bool

    @property
    def is_due(self) -> bool:
        """Whether one erasure is due. Then all waiting ones are done together."""
        return any(due <= self.now for due in self.waiting.values())

    def holds(self, visitors: Iterable[Digest]) -> bool:
        """Whether the erasure of one of these visitors is incomplete."""
        return any(one in self.waiting or one in self.folding for one in visitors)


class Erasures:
    """The erasures of all sites. Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def add(self, site: str, visitors: Collection[Digest], wait: Milliseconds) -> Milliseconds:
        """Request erasures within `wait` from now. Returns the latest time, by the store's clock.

        Raises:
            StoreUnavailable: the store does not answer, or too many erasures wait.
        """
        due = await self._client.execute(_add.command([keys.erasures(site)], MOST_WAITING, wait, *visitors))
        if due is None:
            raise StoreUnavailable(
                f"Site {site}: {MOST_WAITING} ids wait for their erasure. Start a learner to complete them."
            )
        return int(due)

    async def join(self, site: str, visitors: Collection[Digest]) -> None:
        """Add ids of visitors whose erasure is due, without the limit."""
        found = list(visitors)
        for start in range(0, len(found), _MAX_ARGUMENTS):
            some = found[start : start + _MAX_ARGUMENTS]
            await self._client.execute(_add.command([keys.erasures(site)], _NO_LIMIT, 0, *some))

    async def pending(self, sites: Sequence[str]) -> dict[str, Pending]:
        """Read the pending erasures of each site."""
        replies = await self._client.execute_all([_read.command([keys.erasures(site)]) for site in sites])
        return {site: _pending(now, fields) for site, (now, fields) in zip(sites, replies, strict=True)}

    async def mark_deleted(self, site: str, waiting: Mapping[Digest, Milliseconds]) -> None:
        """Mark digests as gone from profiles and logs, unless they were requested again."""
        await self._advance(site, _FOLDING, {visitor: str(due).encode() for visitor, due in waiting.items()})

    async def mark_folded(self, site: str, folding: Collection[Digest]) -> None:
        """Mark digests as gone from the models. The file rewrite remains."""
        await self._advance(site, b"", dict.fromkeys(folding, _FOLDING))

    async def mark_rewritten(self, site: str) -> None:
        """Mark the file rewrite as complete."""
        await self._client.execute(("HDEL", keys.erasures(site), _REWRITE))

    async def _advance(self, site: str, state: bytes, visitors: Mapping[Digest, bytes]) -> None:
        batch: list[Argument] = []
        for visitor, old in visitors.items():
            batch += [visitor, old]
        for start in range(0, len(batch), _MAX_ARGUMENTS):
            command = _advance.command([keys.erasures(site)], state, *batch[start : start + _MAX_ARGUMENTS])
            await self._client.execute(command)


def _pending(now: Milliseconds, fields: Sequence[bytes]) -> Pending:
    states = dict(zip(fields[::2], fields[1::2], strict=True))
    rewrite = states.pop(_REWRITE, None) is not None
    waiting = {visitor: int(state) for visitor, state in states.items() if state != _FOLDING}
    return Pending(now, waiting, tuple(visitor for visitor in states if visitor not in waiting), rewrite)
