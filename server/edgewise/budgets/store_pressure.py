"""The pressure on the store's memory, as a worker sees it. Under pressure, strangers add no new visitors."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from edgewise.errors import StoreError
from edgewise.store import Store
from edgewise.store.memory import HIGH

CHECK_EVERY = 5.0
"""Seconds between two checks."""


class StorePressure:
    """Watches the memory of the store. `limit` is in bytes. With None, the store's own `maxmemory` is the limit."""

    def __init__(self, store: Store, limit: int | None) -> None:
        self._store = store
        self._limit = limit
        self._task: asyncio.Task[None] | None = None
        self.is_high = False

    async def start(self) -> None:
        """Check in the background from now on."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def check(self) -> None:
        """
        Raises:
            StoreError: the store does not answer.
        """
        use = await self._store.memory.use()
        self.is_high = use.exceeds(HIGH, self._limit)

    async def _watch(self) -> None:
        while True:
            with suppress(StoreError):
                await self.check()
            await asyncio.sleep(CHECK_EVERY)
