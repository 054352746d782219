"""Turns: those who would write of the same visitor do so one after the other, as far as this process goes.

Between processes, whoever comes too late reads and writes again. That alone would be enough, but it makes of many
batches of one visitor at the same time a crowd in which each waits for luck.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from edgewise.errors import StoreTimeout
from edgewise.types import Digest


class Turns:
    """Nothing is kept of a visitor whom nobody waits for."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, Digest], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, site: str, visitors: Iterable[Digest], deadline: float) -> AsyncIterator[None]:
        """Have the turn of all these visitors, which others may wait for meanwhile.

        Raises:
            StoreTimeout: others had it until the deadline, a time of the event loop's clock.
        """
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout_at(deadline):
                    for visitor in sorted(set(visitors)):  # In one order for all, so that no two wait for each other.
                        await stack.enter_async_context(self._lock(site, visitor))
            except TimeoutError as error:
                raise StoreTimeout(f"visitor of {site}: found others still writing, expected an end of it") from error
            yield

    def _lock(self, site: str, visitor: Digest) -> asyncio.Lock:
        lock = self._locks.get((site, visitor))
        if lock is None:
            lock = self._locks[site, visitor] = asyncio.Lock()
        return lock
