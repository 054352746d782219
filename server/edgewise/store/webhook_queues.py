"""Webhook queues: each visitor's waiting messages and conditions, and a site's index of visitors to check.

A visitor's queue, conditions and lease are on one node with the profile. The step that writes the profile therefore
queues its messages too. The index of a site holds the time of each visitor's next check. It is written first. An entry
is removed only if nothing changed since the check, so no queue is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.exposures import fields_of
from edgewise.store.profiles import PROFILE_LIFETIME
from edgewise.store.scripts import Argument, Command, Script
from edgewise.types import Digest, Milliseconds

MOST_QUEUED = 100
"""The most waiting messages of one visitor."""

MOST_VISITORS = 100_000
"""The most visitors in the index of one site."""

MOST_UNKNOWN = MOST_VISITORS // 2
"""The most visitors in the index while visitors are entered who were not known before. The rest is for known ones."""

MOST_DEAD = 1000
"""The most visitors of one site with dead letters."""

QUEUE_TTL: Milliseconds = 7 * 24 * 3600 * 1000
DEAD_TTL: Milliseconds = 30 * 24 * 3600 * 1000
SOON: Milliseconds = 10_000
"""How soon a visitor is checked if the writer of their profile dies."""

# KEYS: profile, state, queue. ARGV: the profile's old and new bytes, its TTLs, the most queued, the queue's TTL.
# Then the number of changed fields, the fields (name and value, '' deletes one), and the messages.
_write = Script(f"""
    {PROFILE_LIFETIME}
    if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
    local ttl = lifetime()
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ttl)
    local messages = 8 + 2 * tonumber(ARGV[7])
    for i = 8, messages - 1, 2 do
        if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], ARGV[i])
        else redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
    end
    redis.call('PEXPIRE', KEYS[2], ttl)
    for i = messages, #ARGV do
        if redis.call('LLEN', KEYS[3]) < tonumber(ARGV[5]) then redis.call('RPUSH', KEYS[3], ARGV[i]) end
        redis.call('PEXPIRE', KEYS[3], ARGV[6])
    end
    return 1
""")
# KEYS: index. ARGV: visitor, time, the most. The time always changes, so a running check does not remove the entry.
_announce = Script("""
    local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
    if not at and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
    if not at or tonumber(at) > tonumber(ARGV[2]) then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
    else redis.call('ZINCRBY', KEYS[1], -1, ARGV[1]) end
    return 1
""")
# KEYS: index. ARGV: visitor, the time of the checked entry, the next time or ''.
_mark_checked = Script("""
    local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
    if not at or tonumber(at) ~= tonumber(ARGV[2]) then return 0 end
    if ARGV[3] == '' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1]) end
    return 1
""")
# KEYS: lease. ARGV: token, milliseconds. A lease that is longer than any is from before the clock was set back.
_claim = Script("""
    if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) end
    return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
""")
_release = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end")
# KEYS: state, queue. ARGV: field, its expected value, the field to set, the message or '', the queue's TTL.
_settle_condition = Script("""
    if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
    redis.call('HDEL', KEYS[1], ARGV[1])
    if ARGV[4] ~= '' then
        redis.call('HSET', KEYS[1], ARGV[3], 1)
        redis.call('RPUSH', KEYS[2], ARGV[4])
        redis.call('PEXPIRE', KEYS[2], ARGV[5])
    end
    return 1
""")
# KEYS: state. ARGV: field, its expected value, its new value.
_reschedule_condition = Script("""
    if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
""")
# KEYS: queue, dead letters. ARGV: the first message, its outcome (done, dead, later), its new bytes, both TTLs.
_settle_message = Script("""
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


_INDICES = (keys.webhook_index, keys.dead_letter_index)


class Due(NamedTuple):
    """A visitor whose check is due since this time."""

    visitor: Digest
    at: bytes


class Backlog(NamedTuple):
    """The work of a site's webhooks.

    `visitors` is the number of visitors with waiting messages or conditions. `overdue` is the delay of the oldest
    check. `dead` is the number of visitors with dead letters.
    """

    visitors: int
    overdue: Milliseconds
    dead: int


def read_command(site: str, visitor: Digest) -> Command:
    """Read the state of a visitor's conditions. Decode the reply with `fields_of`."""
    return ("HGETALL", keys.hooks(site, visitor))


def forget_command(site: str, visitor: Digest) -> Command:
    """Delete the state of a visitor's conditions."""
    return ("DEL", keys.hooks(site, visitor))


def announce_command(site: str, visitor: Digest, now: Milliseconds, *, is_known: bool = True) -> Command:
    """Schedule a check of this visitor in 10 seconds. The reply is 0 if the index is full, otherwise 1.

    For a visitor who is not known yet, it is full at half of its size.
    """
    most = MOST_VISITORS if is_known else MOST_UNKNOWN
    return _announce.command([keys.webhook_index(site)], visitor, now + SOON, most)


def wake_command(site: str, visitor: Digest, now: Milliseconds) -> Command:
    """Schedule a check of this visitor now."""
    return _announce.command([keys.webhook_index(site)], visitor, now, MOST_VISITORS)


def write_command(
    site: str,
    visitor: Digest,
    old: bytes | None,
    new: bytes,
    ttl: Milliseconds,
    fields: Mapping[bytes, bytes | None],
    messages: Sequence[bytes],
    unknown_ttl: Milliseconds = 0,
) -> Command:
    """Write a profile, its conditions and messages if the store still has `old`. The reply is 1 or 0.

    With an `unknown_ttl`, they have this TTL until a second visit.
    """
    changes: list[Argument] = []
    for name, value in fields.items():
        changes += [name, value or b""]
    return _write.command(
        [keys.profile(site, visitor), keys.hooks(site, visitor), keys.hook_queue(site, visitor)],
        *(old or b"", new, ttl, unknown_ttl, MOST_QUEUED, QUEUE_TTL, len(fields), *changes, *messages),
    )


class WebhookQueues:
    """The queues of all visitors. Every method raises `StoreUnavailable` if the store does not answer."""

    read_command = staticmethod(read_command)
    forget_command = staticmethod(forget_command)
    announce_command = staticmethod(announce_command)
    wake_command = staticmethod(wake_command)
    write_command = staticmethod(write_command)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def due(self, site: str, now: Milliseconds, most: int, longest_wait: Milliseconds | None = None) -> list[Due]:
        """The visitors whose check is due, the oldest first.

        A check that is further ahead than `longest_wait` is due as well. The clock was set back since it was scheduled.
        """
        ranges: list[tuple[Argument, Argument]] = [("-inf", now)]
        if longest_wait is not None:
            ranges.append((now + longest_wait, "+inf"))
        replies = await self._client.execute_all(
            [
                ("ZRANGEBYSCORE", keys.webhook_index(site), low, high, "WITHSCORES", "LIMIT", 0, most)
                for low, high in ranges
            ]
        )
        return [due for found in replies for due in _read_due(found)]

    async def backlog(self, site: str, now: Milliseconds) -> Backlog:
        visitors, dead = await self._client.execute_all([("ZCARD", index(site)) for index in _INDICES])
        due = await self.due(site, now, 1)
        return Backlog(visitors, max((int(now - float(one.at)) for one in due), default=0), dead)

    async def mark_checked(self, site: str, due: Due, again_at: Milliseconds | None) -> None:
        """Schedule the next check of a visitor, or remove the visitor. Does nothing if the entry changed."""
        again = b"" if again_at is None else again_at
        await self._client.execute(_mark_checked.command([keys.webhook_index(site)], due.visitor, due.at, again))

    async def claim(self, site: str, visitor: Digest, token: bytes, lease: Milliseconds) -> bool:
        """Take the lease to send this visitor's messages. Returns False while another dispatcher has it."""
        return bool(await self._client.execute(_claim.command([keys.hook_lease(site, visitor)], token, lease)))

    async def release(self, site: str, visitor: Digest, token: bytes) -> None:
        await self._client.execute(_release.command([keys.hook_lease(site, visitor)], token))

    async def state(self, site: str, visitor: Digest) -> Mapping[bytes, bytes]:
        return fields_of(await self._client.execute(read_command(site, visitor)))

    async def reschedule_condition(
        self, site: str, visitor: Digest, field: bytes, expected: bytes, changed: bytes
    ) -> None:
        """Replace a waiting condition by its changed bytes."""
        command = _reschedule_condition.command([keys.hooks(site, visitor)], field, expected, changed)
        await self._client.execute(command)

    async def settle_condition(
        self, site: str, visitor: Digest, field: bytes, expected: bytes, mark: bytes, message: bytes | None
    ) -> None:
        """Remove a waiting condition. With a message, queue it and mark the condition as met."""
        pair = [keys.hooks(site, visitor), keys.hook_queue(site, visitor)]
        await self._client.execute(_settle_condition.command(pair, field, expected, mark, message or b"", QUEUE_TTL))

    async def first(self, site: str, visitor: Digest) -> bytes | None:
        """The next message to send."""
        reply: bytes | None = await self._client.execute(("LINDEX", keys.hook_queue(site, visitor), 0))
        return reply

    async def remove_delivered(self, site: str, visitor: Digest, message: bytes) -> None:
        """Remove a delivered message."""
        await self._settle(site, visitor, message, "done", b"")

    async def retry_later(self, site: str, visitor: Digest, message: bytes, changed: bytes) -> None:
        """Replace a message by its changed bytes, for a later attempt."""
        await self._settle(site, visitor, message, "later", changed)

    async def give_up(self, site: str, visitor: Digest, message: bytes, now: Milliseconds) -> None:
        """Move a message to the dead letters."""
        index = keys.dead_letter_index(site)
        await self._client.execute(("ZADD", index, now, visitor))
        await self._client.execute(("ZREMRANGEBYRANK", index, 0, -MOST_DEAD - 1))
        await self._client.execute(("PEXPIRE", index, DEAD_TTL))
        await self._settle(site, visitor, message, "dead", message)

    async def messages(self, site: str, visitor: Digest) -> tuple[list[bytes], list[bytes]]:
        """Return a visitor's waiting messages and dead letters."""
        queue, dead = keys.hook_queue(site, visitor), keys.dead_letters(site, visitor)
        queued, dead_letters = await self._client.execute_all([("LRANGE", key, 0, -1) for key in (queue, dead)])
        return queued, dead_letters

    async def dead(self, site: str) -> list[bytes]:
        """Return the dead letters of a site."""
        visitors: list[Any] = await self._client.execute(("ZRANGE", keys.dead_letter_index(site), 0, -1))
        replies = await self._client.execute_all(
            [("LRANGE", keys.dead_letters(site, visitor), 0, -1) for visitor in visitors]
        )
        return [message for reply in replies for message in reply]

    async def _settle(self, site: str, visitor: Digest, message: bytes, how: str, changed: bytes) -> None:
        pair = [keys.hook_queue(site, visitor), keys.dead_letters(site, visitor)]
        await self._client.execute(_settle_message.command(pair, message, how, changed, QUEUE_TTL, DEAD_TTL))


def _read_due(found: Sequence[Any]) -> list[Due]:
    rows = found if found and isinstance(found[0], (tuple, list)) else zip(found[::2], found[1::2], strict=True)
    return [Due(visitor, at if isinstance(at, bytes) else repr(at).encode()) for visitor, at in rows]
