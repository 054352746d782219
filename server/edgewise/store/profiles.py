"""Profiles: the bytes of what is known of a visitor. What is in them is no concern of the store's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, Script
from edgewise.types import Digest, Milliseconds

LIMIT_BYTES = 4096
_TOGETHER = 200

# A profile is never empty, so '' stands for none.
_compare_and_set = Script("""
    if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return 1
""")


def read_command(site: str, visitor: Digest) -> Command:
    """Read a profile. The reply is its bytes, or None."""
    return ("GET", keys.profile(site, visitor))


def compare_and_set_command(site: str, visitor: Digest, old: bytes | None, new: bytes, ttl: Milliseconds) -> Command:
    """Write a profile if it is still `old` (None: if there is none). The reply is 1 or 0.

    Raises:
        ValueError: `new` is empty or over 4 KB.
    """
    if not 0 < len(new) <= LIMIT_BYTES:
        raise ValueError(f"profile of a visitor of {site}: found {len(new)} bytes, expected 1 to {LIMIT_BYTES}")
    return _compare_and_set.command([keys.profile(site, visitor)], old or b"", new, ttl)


def keep_command(site: str, visitor: Digest, ttl: Milliseconds) -> Command:
    """Let what is there lapse in `ttl`, not before. The reply is 1, or 0 when nothing is there."""
    return ("PEXPIRE", keys.profile(site, visitor), ttl)


class Profiles:
    """The profiles of all visitors. Every method raises `StoreUnavailable` when the store does not do it."""

    read_command = staticmethod(read_command)
    compare_and_set_command = staticmethod(compare_and_set_command)
    keep_command = staticmethod(keep_command)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, site: str, visitor: Digest) -> bytes | None:
        """A visitor's profile, None when there is none."""
        reply: bytes | None = await self._client.execute(read_command(site, visitor))
        return reply

    async def compare_and_set(
        self, site: str, visitor: Digest, old: bytes | None, new: bytes, ttl: Milliseconds
    ) -> bool:
        """Write a profile if it is still `old` (None: if there is none); it lapses in `ttl`. False: it is not `old`.

        Raises:
            ValueError: `new` is empty or over 4 KB.
        """
        return bool(await self._client.execute(compare_and_set_command(site, visitor, old, new, ttl)))

    async def all(self, site: str) -> AsyncIterator[tuple[Digest, bytes]]:
        """What is kept under every visitor's id of a site, in bounded memory; one may come twice."""
        batch: list[str] = []
        async for key in self._client.scan(keys.profiles(site)):
            batch.append(key)
            if len(batch) >= _TOGETHER:
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
        """Drop all that is kept under this visitor's id; whether there was anything."""
        indices = (keys.hooked(site), keys.hook_deaths(site))
        there, *_ = await self._client.execute_all(
            [("DEL", *keys.of_visitor(site, visitor)), *(("ZREM", index, visitor) for index in indices)]
        )
        return bool(there)
