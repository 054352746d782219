"""Makes room in the store before its memory is full.

Old message ids go first, then the visitors that were unused for the longest time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from edgewise.errors import StoreError
from edgewise.logs import RepeatedErrorLog
from edgewise.store import Store
from edgewise.store.memory import HIGH
from edgewise.types import Milliseconds

log = logging.getLogger(__name__)

ENOUGH = 0.7
"""The share of its memory at which the store has room again."""

_DAY: Milliseconds = 24 * 3600 * 1000

STEPS: Sequence[Milliseconds] = [days * _DAY for days in (1, 2, 4, 7, 30, 90, 180)]
"""What would expire within this time goes, step by step. Visitors who were here once have seven days at most, so they
go in the first four steps. After the last step, visitors of the last half year remain."""

_FULL = "The store uses %d of %d MB, and no visitor was inactive for half a year. Raise --store-memory."


class RoomMaker:
    """Makes room in the background. `limit` is in bytes. With None, the store's own `maxmemory` is the limit."""

    def __init__(self, store: Store, limit: int | None) -> None:
        self._store = store
        self._limit = limit
        self._task: asyncio.Task[None] | None = None
        self._errors = RepeatedErrorLog(log, "Cannot make room in the store: %s")
        self._is_full = False

    def start(self, sites: Sequence[str]) -> None:
        """Start unless it runs already."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(sites))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def make_room(self, sites: Sequence[str]) -> int:
        """Evict visitors if the store is nearly full. Return their number.

        Raises:
            StoreError: the store does not answer.
        """
        if not await self._uses(HIGH):
            self._is_full = False
            return 0
        evicted = 0
        for site in sites:
            if messages := await self._store.memory.evict_messages(site):
                log.warning(
                    "%s: The store was nearly full. %d message ids older than an hour were removed.", site, messages
                )
        for left in STEPS if await self._uses(ENOUGH) else ():
            for site in sites:
                evicted += await self._store.memory.evict(site, left)
            if not await self._uses(ENOUGH):
                break
        if evicted:
            log.warning("The store was nearly full. %d visitors, unused for the longest time, were removed.", evicted)
        use = await self._store.memory.use()
        if use.exceeds(HIGH, self._limit) and not self._is_full:
            self._is_full = True
            log.error(_FULL, use.used >> 20, (self._limit or use.maximum) >> 20)
        return evicted

    async def _uses(self, share: float) -> bool:
        return (await self._store.memory.use()).exceeds(share, self._limit)

    async def _run(self, sites: Sequence[str]) -> None:
        try:
            await self.make_room(sites)
        except StoreError as error:
            self._errors.report(error)
        else:
            self._errors.clear()
