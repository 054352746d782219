"""Profile records, as bytes. `visitors` knows their content."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, Script
from edgewise.types import Digest, Milliseconds

LIMIT_BYTES = 8192
_BATCH_SIZE = 200

SECOND_VISIT_AFTER: Milliseconds = 30 * 60 * 1000
"""A profile that is written again after this time is of a visitor who came back."""


# KEYS: profile first. ARGV[3]: the TTL. ARGV[4]: the TTL of a profile that is not known yet, or 0 if it is known.
# A profile becomes known by a second visit. The TTL that is left shows how long ago the last write was, by the store's
# clock. The times in messages are the visitor's, so they prove no second visit.
PROFILE_LIFETIME = f"""
    local function lifetime()
        local ttl, unknown, left = tonumber(ARGV[3]), tonumber(ARGV[4]), redis.call('PTTL', KEYS[1])
        if unknown == 0 or left == -1 or left > unknown then return ttl end
        if left >= 0 and unknown - left >= {SECOND_VISIT_AFTER} then return ttl end
        return unknown
    end
"""
# A profile is never empty, so '' means a missing one.
_compare_and_set = Script(f"""
    {PROFILE_LIFETIME}
    if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', lifetime())
    return 1
""")


def read_command(site: str, visitor: Digest) -> Command:
    """Read a profile record. The reply is its bytes, or None."""
    return ("GET", keys.profile(site, visitor))


def compare_and_set_command(
    site: str, visitor: Digest, old: bytes | None, new: bytes, ttl: Milliseconds, unknown_ttl: Milliseconds = 0
) -> Command:
    """Write a record if the store still has `old` (None: no record). The reply is 1 or 0.

    With an `unknown_ttl`, a record has this TTL until a second visit.

    Raises:
        ValueError: `new` is empty or over 8 KB.
    """
    if not 0 < len(new) <= LIMIT_BYTES:
        raise ValueError(f"Profile of a visitor of {site}: Expected 1 to {LIMIT_BYTES} bytes, found {len(new)}.")
    return _compare_and_set.command([keys.profile(site, visitor)], old or b"", new, ttl, unknown_ttl)


def read_ttl_command(site: str, visitor: Digest) -> Command:
    """Read how long a record will be kept. The reply is in milliseconds, negative without a record."""
    return ("PTTL", keys.profile(site, visitor))


def keep_command(site: str, visitor: Digest, ttl: Milliseconds) -> Command:
    """Set the TTL of a record. The reply is 1, or 0 without a record."""
    return ("PEXPIRE", keys.profile(site, visitor), ttl)


class Profiles:
    """The profile records of all visitors. Every method raises `StoreUnavailable` if the store does not answer."""

    read_command = staticmethod(read_command)
    compare_and_set_command = staticmethod(compare_and_set_command)
    keep_command = staticmethod(keep_command)
    read_ttl_command = staticmethod(read_ttl_command)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, site: str, visitor: Digest) -> bytes | None:
        """Read a visitor's record, None without one."""
        reply: bytes | None = await self._client.execute(read_command(site, visitor))
        return reply

    async def compare_and_set(
        self, site: str, visitor: Digest, old: bytes | None, new: bytes, ttl: Milliseconds
    ) -> bool:
        """Write a record with a TTL if the store still has `old` (None: no record). Returns whether it was written.

        Raises:
            ValueError: `new` is empty or over 8 KB.
        """
        return bool(await self._client.execute(compare_and_set_command(site, visitor, old, new, ttl)))

    async def all(self, site: str) -> AsyncIterator[tuple[Digest, bytes]]:
        """Yield every record of a site, in bounded memory. A record may come twice."""
        batch: list[str] = []
        async for key in self._client.scan(keys.profiles(site)):
            batch.append(key)
            if len(batch) >= _BATCH_SIZE:
                for found in await self._stored(batch):
                    yield found
                batch.clear()
        for found in await self._stored(batch):
            yield found

    async def _stored(self, batch: Sequence[str]) -> list[tuple[Digest, bytes]]:
        replies = await self._client.execute_all([("GET", key) for key in batch])
        return [
            (keys.visitor_of(key), stored) for key, stored in zip(batch, replies, strict=True) if stored is not None
        ]

    async def delete(self, site: str, visitor: Digest) -> bool:
        """Delete every key of this visitor's id. Returns whether there was any."""
        indices = (keys.webhook_index(site), keys.dead_letter_index(site))
        there, *_ = await self._client.execute_all(
            [("DEL", *keys.of_visitor(site, visitor)), *(("ZREM", index, visitor) for index in indices)]
        )
        return bool(there)
