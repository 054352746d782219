"""The memory of the store: how much is used, and what goes first when there is too little.

Logs, checkpoints and versions never go. They have bounds of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.log import MESSAGE_SECONDS
from edgewise.store.scripts import Command
from edgewise.types import Digest, Milliseconds

HIGH = 0.8
"""The share of its memory from which on the store takes no invented visitors, and the learner makes room."""

_PAGE = 200
_OLD_MESSAGE: Milliseconds = (MESSAGE_SECONDS - 3600) * 1000
"""The TTL that is left to a message id of an hour ago."""


class MemoryUse(NamedTuple):
    """The used memory of all nodes in bytes, and the sum of their `maxmemory`. 0 means that a node has none."""

    used: int
    maximum: int

    def exceeds(self, share: float, limit: int | None) -> bool:
        """Whether the use has reached this share of `limit`, or of `maximum` without a limit."""
        most = limit or self.maximum
        return bool(most) and self.used >= share * most


class StoreMemory:
    """Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def use(self) -> MemoryUse:
        infos = await self._client.execute_on_all_nodes(("INFO", "memory"))
        fields = [_fields(info) for info in infos]
        return MemoryUse(
            sum(int(one.get("used_memory", 0)) for one in fields), sum(int(one.get("maxmemory", 0)) for one in fields)
        )

    async def evict(self, site: str, left: Milliseconds) -> int:
        """Delete the data of visitors whose profile or exposure would expire within `left`. Returns their number.

        What expires next was unused for the longest time.
        """
        pages = self._pages(keys.profiles(site), keys.exposures(site))
        return sum([await self._evict_page(site, page, left) async for page in pages])

    async def evict_messages(self, site: str) -> int:
        """Forget the logged message ids that are older than an hour. Returns their number.

        Nearly all repeats of a message come within seconds. A slot counts each event once in any case.
        """
        return sum([await self._evict_old_messages(page) async for page in self._pages(keys.messages(site))])

    async def _pages(self, *patterns: str) -> AsyncIterator[list[str]]:
        """The keys that match, in pages. Other tasks run between the pages."""
        for pattern in patterns:
            page: list[str] = []
            async for key in self._client.scan(pattern):
                page.append(key)
                if len(page) >= _PAGE:
                    yield page
                    page = []
                    await asyncio.sleep(0)
            if page:
                yield page

    async def _evict_old_messages(self, page: Sequence[str]) -> int:
        ttls = await self._client.execute_all([("PTTL", key) for key in page])
        old = [key for key, ttl in zip(page, ttls, strict=True) if 0 <= ttl <= _OLD_MESSAGE]
        # A scan may return a key twice.
        return sum(await self._client.execute_all([("DEL", key) for key in dict.fromkeys(old)]))

    async def _evict_page(self, site: str, page: Sequence[str], left: Milliseconds) -> int:
        ttls = await self._client.execute_all([("PTTL", key) for key in page])
        visitors = {keys.visitor_of(key) for key, ttl in zip(page, ttls, strict=True) if 0 <= ttl <= left}
        deleted = await self._client.execute_all([_delete_command(site, visitor) for visitor in visitors])
        return sum(map(bool, deleted))


def _delete_command(site: str, visitor: Digest) -> Command:
    return ("DEL", *keys.of_visitor(site, visitor))


def _fields(info: Any) -> dict[str, Any]:
    if isinstance(info, dict):
        return info
    lines = info.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
