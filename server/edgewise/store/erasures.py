"""Erasures: which visitors of a site are to be erased, and how far that is. Kept until it is done, as digests only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from edgewise.errors import StoreUnavailable
from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Argument, Script
from edgewise.types import Digest, Milliseconds

MOST_WAITING = 100_000
"""Digests of one site that may wait to be erased: some megabytes."""

_FOLDING = b"folding"
_NO_LIMIT = 2**53
_REWRITE = b"rewrite"
"""Not the length of a digest, so it is none."""

# KEYS: erasures. ARGV: the most, milliseconds to wait, digests. Who waits already does not wait longer.
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
# KEYS: erasures. ARGV: the new state, then digests and the state that each was in; one that was asked for again waits.
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
    """What is to be erased of one site.

    `waiting` has for each digest when it is due at the latest; those in `folding` are gone from profiles and logs, and
    the models are folded anew. `rewrite` says that what is done with still stands in the append-only file.
    """

    now: Milliseconds
    waiting: Mapping[Digest, Milliseconds]
    folding: Collection[Digest]
    rewrite: bool

    @property
    def is_due(self) -> bool:
        """Whether one of those that wait may wait no longer; then all are erased together."""
        return any(due <= self.now for due in self.waiting.values())

    def holds(self, visitors: Iterable[Digest]) -> bool:
        """Whether the erasure of one of these is not done."""
        return any(one in self.waiting or one in self.folding for one in visitors)


class Erasures:
    """The erasures of all sites. Every method raises `StoreUnavailable` when the store does not do it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def add(self, site: str, visitors: Collection[Digest], wait: Milliseconds) -> Milliseconds:
        """Ask for these to be erased, `wait` from now at the latest; when that is, on the store's clock.

        Raises:
            StoreUnavailable: also when too many wait already, because nobody erases them.
        """
        due = await self._client.execute(_add.command([keys.erasures(site)], MOST_WAITING, wait, *visitors))
        if due is None:
            raise StoreUnavailable(
                f"erasures of site {site}: found {MOST_WAITING} ids that wait to be erased, expected a learner to do it"
            )
        return int(due)

    async def join(self, site: str, visitors: Collection[Digest]) -> None:
        """These turned out to be ids of some that are due: they are erased with them, however many wait."""
        found = list(visitors)
        for start in range(0, len(found), _TOGETHER):
            some = found[start : start + _TOGETHER]
            await self._client.execute(_add.command([keys.erasures(site)], _NO_LIMIT, 0, *some))

    async def pending(self, sites: Sequence[str]) -> dict[str, Pending]:
        """What is to be erased of each of these sites."""
        replies = await self._client.execute_all([_read.command([keys.erasures(site)]) for site in sites])
        return {site: _pending(now, fields) for site, (now, fields) in zip(sites, replies, strict=True)}

    async def deleted(self, site: str, waiting: Mapping[Digest, Milliseconds]) -> None:
        """These are gone from profiles and logs, unless they were asked for again meanwhile."""
        await self._advance(site, _FOLDING, {visitor: str(due).encode() for visitor, due in waiting.items()})

    async def folded(self, site: str, folding: Collection[Digest]) -> None:
        """No model knows these any more: what is left to do is `rewrite`."""
        await self._advance(site, b"", dict.fromkeys(folding, _FOLDING))

    async def rewritten(self, site: str) -> None:
        """Nothing is left to do."""
        await self._client.execute(("HDEL", keys.erasures(site), _REWRITE))

    async def _advance(self, site: str, state: bytes, visitors: Mapping[Digest, bytes]) -> None:
        batch: list[Argument] = []
        for visitor, old in visitors.items():
            batch += [visitor, old]
        for start in range(0, len(batch), _TOGETHER):
            command = _advance.command([keys.erasures(site)], state, *batch[start : start + _TOGETHER])
            await self._client.execute(command)


def _pending(now: Milliseconds, fields: Sequence[bytes]) -> Pending:
    states = dict(zip(fields[::2], fields[1::2], strict=True))
    rewrite = states.pop(_REWRITE, None) is not None
    waiting = {visitor: int(state) for visitor, state in states.items() if state != _FOLDING}
    return Pending(now, waiting, tuple(visitor for visitor in states if visitor not in waiting), rewrite)


_TOGETHER = 2000
"""Arguments of one script: Lua's stack has room for some thousands."""
