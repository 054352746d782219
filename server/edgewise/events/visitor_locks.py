"""Locks for the visitors of a batch, within one process.

Compare-and-set writes alone keep profiles correct, between processes too. But many batches of one visitor at the same
time would then mostly retry.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from edgewise.errors import StoreTimeout
from edgewise.types import Digest


class VisitorLocks:
    """One lock for each visitor of a site. A lock that nobody holds or awaits is freed."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, Digest], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, site: str, visitors: Iterable[Digest], deadline: float) -> AsyncIterator[None]:
        """Hold the locks of all these visitors. `deadline` is a time of the event loop's clock.

        Raises:
            StoreTimeout: another batch held one of the locks until the deadline.
        """
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout_at(deadline):
                    for visitor in sorted(set(visitors)):  # The same order for all batches prevents deadlocks.
                        await stack.enter_async_context(self._lock(site, visitor))
            except TimeoutError as error:
                raise StoreTimeout(f"{site}: Other batches of the same visitor took too long. Try again.") from error
            yield

    def _lock(self, site: str, visitor: Digest) -> asyncio.Lock:
        lock = self._locks.get((site, visitor))
        if lock is None:
            lock = self._locks[site, visitor] = asyncio.Lock()
        return lock
