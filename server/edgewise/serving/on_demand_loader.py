"""Loads models when decide calls ask for them. Most policies of a small server are idle, so few models are loaded."""

from __future__ import annotations

import asyncio

from edgewise.serving.served_site import ServedPlacement
from edgewise.store import Store

LOADING_SHARE = 0.5
"""The largest share of its time that a worker spends on models that calls wait for. A load takes a few milliseconds."""


class OnDemandLoader:
    """Loads one model at a time, and each only once for all calls that wait for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: dict[ServedPlacement, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._next_at = 0.0

    async def load(self, placement: ServedPlacement) -> None:
        """Wait until the newest model of this placement is loaded. Cancelling the wait does not cancel the load.

        Raises:
            StoreError: the store does not answer.
        """
        task = self._tasks.get(placement)
        if task is None:
            task = self._tasks[placement] = asyncio.create_task(self._load(placement))
            task.add_done_callback(lambda done: self._forget(placement, done))
        await asyncio.shield(task)

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, placement: ServedPlacement) -> None:
        checkpoint = await self._store.checkpoints.read(placement.ref)
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(self._next_at - loop.time())
            started = loop.time()
            await placement.load_from(checkpoint)
            ended = loop.time()
            self._next_at = ended + (ended - started) * (1 / LOADING_SHARE - 1)

    def _forget(self, placement: ServedPlacement, task: asyncio.Task[None]) -> None:
        del self._tasks[placement]
        if not task.cancelled():
            task.exception()  # Every call may have stopped waiting.
