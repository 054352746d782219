"""The policy logs: one append-only stream of entries for each policy. The model is a fold of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import NamedTuple

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, Script
from edgewise.types import BEGINNING, Digest, Milliseconds, PolicyRef, StreamId

MESSAGE_SECONDS = 7 * 24 * 3600
"""How long the message id of an event without a decision id is remembered."""

_FIELD = "e"
_SAMPLED_NODES = 5
_PAGE = 1000

# KEYS: log, message id, and perhaps the order that the message reports. ARGV: seconds to remember them, entry.
_append_once = Script("""
    for i = 2, #KEYS do
        if redis.call('EXISTS', KEYS[i]) == 1 then return false end
    end
    for i = 2, #KEYS do redis.call('SET', KEYS[i], '', 'EX', ARGV[1]) end
    return redis.call('XADD', KEYS[1], '*', 'e', ARGV[2])
""")
# KEYS: log. ARGV: milliseconds, entry.
_append_at = Script("""
    local reply = redis.pcall('XADD', KEYS[1], ARGV[1] .. '-*', 'e', ARGV[2])
    if type(reply) == 'table' and string.find(reply.err, 'equal or smaller', 1, true) then return false end
    return reply
""")
_read_clock = Script("""
    local time = redis.call('TIME')
    return {time[1], time[2]}
""")


class Page(NamedTuple):
    """Entries of a log, oldest first. `now` is the clock of the store's node after the read."""

    entries: list[tuple[StreamId, bytes]]
    now: Milliseconds


def append_command(ref: PolicyRef, entry: bytes) -> Command:
    """Append an entry. The reply is its id."""
    return ("XADD", keys.log(ref), "*", _FIELD, entry)


def append_event_command(ref: PolicyRef, message: Digest, entry: bytes, order: Digest | None = None) -> Command:
    """Append an event without a decision id, unless its message id or order is known. The reply is its id, or None."""
    digests = (message,) if order is None else (message, order)
    return _append_once.command(
        [keys.log(ref), *(keys.message(ref, digest) for digest in digests)], MESSAGE_SECONDS, entry
    )


class Log:
    """The logs of all policies. Every method raises `StoreUnavailable` if the store does not answer."""

    append_command = staticmethod(append_command)
    append_event_command = staticmethod(append_event_command)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def append(self, ref: PolicyRef, entry: bytes) -> StreamId:
        """Append an entry. Returns its id after the store acknowledged it."""
        return StreamId.parse(await self._client.execute(append_command(ref, entry)))

    async def append_at(self, ref: PolicyRef, time: Milliseconds, entry: bytes) -> bool:
        """Append an entry at a time ahead of the store's clock. Returns False if the log has a later entry."""
        return await self._client.execute(_append_at.command([keys.log(ref)], time, entry)) is not None

    async def append_event(self, ref: PolicyRef, message: Digest, entry: bytes) -> StreamId | None:
        """Append an event without a decision id. Returns None if the log has this message."""
        reply = await self._client.execute(append_event_command(ref, message, entry))
        return None if reply is None else StreamId.parse(reply)

    async def read(self, starts: Mapping[PolicyRef, StreamId], count: int) -> dict[PolicyRef, Page]:
        """Read up to `count` entries of each log, from the given ids on, inclusive."""
        commands: list[Command] = []
        for ref, start in starts.items():
            commands.append(("XRANGE", keys.log(ref), str(start), "+", "COUNT", count))
            commands.append(_read_clock.command([keys.log(ref)]))
        replies = await self._client.execute_all(commands)
        return {
            ref: Page([(StreamId.parse(id), fields[b"e"]) for id, fields in entries], _milliseconds(clock))
            for ref, entries, clock in zip(starts, replies[::2], replies[1::2], strict=True)
        }

    async def pages(self, ref: PolicyRef) -> AsyncIterator[list[tuple[StreamId, bytes]]]:
        """Yield the whole log, oldest first, in pages."""
        start = BEGINNING
        while entries := (await self.read({ref: start}, _PAGE))[ref].entries:
            yield entries
            start = StreamId(entries[-1][0].ms, entries[-1][0].seq + 1)

    async def of_site(self, site: str) -> set[PolicyRef]:
        """Every policy of the site that has a log, including deleted policies."""
        pattern = keys.log(PolicyRef(site, "*"))
        return {keys.policy_of(key) async for key in self._client.scan(pattern)}

    async def length(self, ref: PolicyRef) -> int:
        """The number of entries."""
        return int(await self._client.execute(("XLEN", keys.log(ref))))

    async def size_bytes(self, ref: PolicyRef) -> int:
        """The memory of the log in bytes, estimated from a few samples."""
        return (await self.sizes([ref]))[0]

    async def sizes(self, refs: Iterable[PolicyRef]) -> list[int]:
        """The memory of each log in bytes, estimated from a few samples."""
        commands: list[Command] = [("MEMORY USAGE", keys.log(ref), "SAMPLES", _SAMPLED_NODES) for ref in refs]
        return [int(reply or 0) for reply in await self._client.execute_all(commands)]

    async def first_id(self, ref: PolicyRef) -> StreamId | None:
        """The id of the oldest entry, None for an empty log."""
        return _id(await self._client.execute(("XRANGE", keys.log(ref), "-", "+", "COUNT", 1)))

    async def last_id(self, ref: PolicyRef) -> StreamId | None:
        """The id of the newest entry, None for an empty log."""
        return _id(await self._client.execute(("XREVRANGE", keys.log(ref), "+", "-", "COUNT", 1)))

    async def trim(self, ref: PolicyRef, first: StreamId) -> int:
        """Delete every entry before `first`. Returns their number."""
        return int(await self._client.execute(("XTRIM", keys.log(ref), "MINID", "=", str(first))))

    async def delete(self, ref: PolicyRef, ids: Iterable[StreamId]) -> int:
        """Delete single entries. Returns their number. Their bytes may stay in the store, see `log_rewrite`."""
        named = [str(id) for id in ids]
        return int(await self._client.execute(("XDEL", keys.log(ref), *named))) if named else 0


def _id(entries: list[tuple[bytes, dict[bytes, bytes]]]) -> StreamId | None:
    return StreamId.parse(entries[0][0]) if entries else None


def _milliseconds(clock: list[bytes]) -> Milliseconds:
    seconds, microseconds = clock
    return int(seconds) * 1000 + int(microseconds) // 1000
