"""Queues: messages to the site's own tools that wait to be sent, in order for each visitor, and who is to be looked at.

A visitor's messages, what is remembered of the conditions, and the lease of who sends them are on one node with the
profile, so a message is queued in the very step that writes the profile. An index for each site says at what time whom
to look at. It is written first, and loses an entry only if nobody touched it since: a queue is never left unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.exposures import fields_of
from edgewise.store.scripts import Argument, Command, Script
from edgewise.types import Digest, Milliseconds

MOST_QUEUED = 100
"""Messages of one visitor that may wait."""

MOST_VISITORS = 100_000
"""Visitors of one site whom there is something to do for."""

MOST_DEAD = 1000
"""Visitors of one site with messages that were given up."""

QUEUE_TTL: Milliseconds = 7 * 24 * 3600 * 1000
DEAD_TTL: Milliseconds = 30 * 24 * 3600 * 1000
SOON: Milliseconds = 10_000
"""A visitor whose profile is about to be written is looked at by then, should the writer die."""

# KEYS: profile, state, queue. ARGV: profile's old and new bytes, its TTL, the most queued, the queue's TTL, how many
# fields change, those (name, value; '' drops one), then messages.
_write = Script("""
    if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    local messages = 7 + 2 * tonumber(ARGV[6])
    for i = 7, messages - 1, 2 do
        if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], ARGV[i])
        else redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
    end
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    for i = messages, #ARGV do
        if redis.call('LLEN', KEYS[3]) < tonumber(ARGV[4]) then redis.call('RPUSH', KEYS[3], ARGV[i]) end
        redis.call('PEXPIRE', KEYS[3], ARGV[5])
    end
    return 1
""")
# KEYS: index. ARGV: visitor, by when, the most. The time changes in any case: what is under way drops no entry then.
_announce = Script("""
    local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
    if not at and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
    if not at or tonumber(at) > tonumber(ARGV[2]) then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
    else redis.call('ZINCRBY', KEYS[1], -1, ARGV[1]) end
    return 1
""")
# KEYS: index. ARGV: visitor, the time that was seen, the next one or ''.
_looked = Script("""
    local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
    if not at or tonumber(at) ~= tonumber(ARGV[2]) then return 0 end
    if ARGV[3] == '' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1]) end
    return 1
""")
_release = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end")
# KEYS: state, queue. ARGV: field, what it holds, the field to set, the message or '', the queue's TTL.
_mature = Script("""
    if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
    redis.call('HDEL', KEYS[1], ARGV[1])
    if ARGV[4] ~= '' then
        redis.call('HSET', KEYS[1], ARGV[3], 1)
        redis.call('RPUSH', KEYS[2], ARGV[4])
        redis.call('PEXPIRE', KEYS[2], ARGV[5])
    end
    return 1
""")
# KEYS: queue, dead. ARGV: the first message, what becomes of it (done, dead, later), its new bytes, the TTLs of both.
_settle = Script("""
    if redis.call('LINDEX', KEYS[1], 0) ~= ARGV[1] then return 0 end
    if ARGV[2] == 'later' then
        redis.call('LSET', KEYS[1], 0, ARGV[3])
        redis.call('PEXPIRE', KEYS[1], ARGV[4])
    else
        redis.call('LPOP', KEYS[1])
    end
    if ARGV[2] == 'dead' then
        redis.call('RPUSH', KEYS[2], ARGV[3])
        redis.call('LTRIM', KEYS[2], -100, -1)
        redis.call('PEXPIRE', KEYS[2], ARGV[5])
    end
    return 1
""")


_INDICES = (keys.hooked, keys.hook_deaths)


class Due(NamedTuple):
    """A visitor who is to be looked at since this time."""

    visitor: Digest
    at: bytes


class Backlog(NamedTuple):
    """What there is to do for a site's webhooks.

    `visitors` have messages that wait, or conditions that are waited for; the one who waits longest should have been
    looked at `overdue` ago. `dead` have messages that were given up and are still kept.
    """

    visitors: int
    overdue: Milliseconds
    dead: int


def read_command(site: str, visitor: Digest) -> Command:
    """What is remembered of a visitor's conditions; the reply is for `fields_of`."""
    return ("HGETALL", keys.hooks(site, visitor))


def forget_command(site: str, visitor: Digest) -> Command:
    """Remember nothing of this visitor's conditions any more."""
    return ("DEL", keys.hooks(site, visitor))


def announce_command(site: str, visitor: Digest, now: Milliseconds) -> Command:
    """See to it that this visitor is looked at soon. The reply is 0 when too many are waiting, else 1."""
    return _announce.command([keys.hooked(site)], visitor, now + SOON, MOST_VISITORS)


def ring_command(site: str, visitor: Digest, now: Milliseconds) -> Command:
    """Have this visitor looked at now."""
    return _announce.command([keys.hooked(site)], visitor, now, MOST_VISITORS)


def write_command(
    site: str,
    visitor: Digest,
    old: bytes | None,
    new: bytes,
    ttl: Milliseconds,
    fields: Mapping[bytes, bytes | None],
    messages: Sequence[bytes],
) -> Command:
    """Write a profile if it is still `old`, and with it changes of the state, and messages. The reply is 1 or 0."""
    changes: list[Argument] = []
    for name, value in fields.items():
        changes += [name, value or b""]
    return _write.command(
        [keys.profile(site, visitor), keys.hooks(site, visitor), keys.hook_queue(site, visitor)],
        *(old or b"", new, ttl, MOST_QUEUED, QUEUE_TTL, len(fields), *changes, *messages),
    )


class Queues:
    """The queues of all visitors. Every method raises `StoreUnavailable` when the store does not do it."""

    read_command = staticmethod(read_command)
    forget_command = staticmethod(forget_command)
    announce_command = staticmethod(announce_command)
    ring_command = staticmethod(ring_command)
    write_command = staticmethod(write_command)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def due(self, site: str, now: Milliseconds, most: int) -> list[Due]:
        """Whom there is something to do for, those who wait longest first."""
        found = await self._client.execute(
            ("ZRANGEBYSCORE", keys.hooked(site), "-inf", now, "WITHSCORES", "LIMIT", 0, most)
        )
        rows = (
            found if found and isinstance(found[0], (tuple, list)) else list(zip(found[::2], found[1::2], strict=True))
        )
        return [Due(visitor, at if isinstance(at, bytes) else repr(at).encode()) for visitor, at in rows]

    async def backlog(self, site: str, now: Milliseconds) -> Backlog:
        """How much there is to do."""
        visitors, dead = await self._client.execute_all([("ZCARD", index(site)) for index in _INDICES])
        due = await self.due(site, now, 1)
        return Backlog(visitors, max((int(now - float(one.at)) for one in due), default=0), dead)

    async def looked(self, site: str, due: Due, again_at: Milliseconds | None) -> None:
        """This visitor was looked at, and is to be again at a time, or not; unless there is something new."""
        again = b"" if again_at is None else again_at
        await self._client.execute(_looked.command([keys.hooked(site)], due.visitor, due.at, again))

    async def claim(self, site: str, visitor: Digest, token: bytes, lease: Milliseconds) -> bool:
        """Be the only one to send this visitor's messages; False while someone else is."""
        return bool(await self._client.execute(("SET", keys.hook_lease(site, visitor), token, "NX", "PX", lease)))

    async def release(self, site: str, visitor: Digest, token: bytes) -> None:
        await self._client.execute(_release.command([keys.hook_lease(site, visitor)], token))

    async def state(self, site: str, visitor: Digest) -> Mapping[bytes, bytes]:
        return fields_of(await self._client.execute(read_command(site, visitor)))

    async def mature(
        self, site: str, visitor: Digest, field: bytes, held: bytes, mark: bytes, message: bytes | None
    ) -> None:
        """What waited in this field is over: queue its message, and set the mark; None: nothing comes of it."""
        pair = [keys.hooks(site, visitor), keys.hook_queue(site, visitor)]
        await self._client.execute(_mature.command(pair, field, held, mark, message or b"", QUEUE_TTL))

    async def first(self, site: str, visitor: Digest) -> bytes | None:
        """The message that is to be sent next."""
        reply: bytes | None = await self._client.execute(("LINDEX", keys.hook_queue(site, visitor), 0))
        return reply

    async def done(self, site: str, visitor: Digest, message: bytes) -> None:
        """It was taken."""
        await self._settle(site, visitor, message, "done", b"")

    async def put_off(self, site: str, visitor: Digest, message: bytes, changed: bytes) -> None:
        """It is to be tried again."""
        await self._settle(site, visitor, message, "later", changed)

    async def give_up(self, site: str, visitor: Digest, message: bytes, now: Milliseconds) -> None:
        """It is not tried again: it goes to the dead letters."""
        index = keys.hook_deaths(site)
        await self._client.execute(("ZADD", index, now, visitor))
        await self._client.execute(("ZREMRANGEBYRANK", index, 0, -MOST_DEAD - 1))
        await self._client.execute(("PEXPIRE", index, DEAD_TTL))
        await self._settle(site, visitor, message, "dead", message)

    async def held(self, site: str, visitor: Digest) -> tuple[list[bytes], list[bytes]]:
        """All messages about a visitor: those that wait, and those that were given up."""
        queue, dead = keys.hook_queue(site, visitor), keys.dead_letters(site, visitor)
        queued, buried = await self._client.execute_all([("LRANGE", key, 0, -1) for key in (queue, dead)])
        return queued, buried

    async def dead(self, site: str) -> list[bytes]:
        """The messages that were given up and are still kept."""
        visitors: list[Any] = await self._client.execute(("ZRANGE", keys.hook_deaths(site), 0, -1))
        replies = await self._client.execute_all(
            [("LRANGE", keys.dead_letters(site, visitor), 0, -1) for visitor in visitors]
        )
        return [message for reply in replies for message in reply]

    async def _settle(self, site: str, visitor: Digest, message: bytes, how: str, changed: bytes) -> None:
        pair = [keys.hook_queue(site, visitor), keys.dead_letters(site, visitor)]
        await self._client.execute(_settle.command(pair, message, how, changed, QUEUE_TTL, DEAD_TTL))
