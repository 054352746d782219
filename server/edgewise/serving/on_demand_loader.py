"""Loads models when decide calls ask for them. Most policies of a small server are idle, so few models are loaded."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from edgewise.serving.served_site import ServedPlacement
from edgewise.store import Checkpoint, Store

LOADING_SHARE = 0.5
"""The largest share of its time that a worker spends on models that calls wait for. A load takes a few milliseconds."""

LOAD_WITHIN = 0.5
"""Seconds that a call may wait for a model to load, after the store sent it. A page may need the models of many
placements."""


class _Loading(NamedTuple):
    """The tasks of one load. The second one waits for the first."""

    reading: asyncio.Task[Checkpoint | None]
    loading: asyncio.Task[None]


class OnDemandLoader:
    """Loads one model at a time, and each only once for all calls that wait for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[ServedPlacement, _Loading] = {}
        self._turn = asyncio.Lock()
        self._next_at = 0.0

    async def load(self, placement: ServedPlacement, deadline: float) -> None:
        """Wait until the newest model of this placement is loaded. Cancelling the wait does not cancel the load.

        `deadline` is a time of the event loop until which the store may take to send the model.

        Raises:
            StoreError: the store does not answer.
            TimeoutError: it is late, or too many models are waiting to be loaded.
        """
        reading, loading = self._running.get(placement) or self._begin(placement)
        async with asyncio.timeout_at(deadline):
            await asyncio.shield(reading)
        async with asyncio.timeout(LOAD_WITHIN):
            await asyncio.shield(loading)

    async def stop(self) -> None:
        tasks = [task for running in self._running.values() for task in running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, placement: ServedPlacement) -> _Loading:
        reading = asyncio.create_task(self._store.checkpoints.read(placement.ref))
        loading = asyncio.create_task(self._load(placement, reading))
        loading.add_done_callback(lambda done: self._forget(placement, done))
        running = self._running[placement] = _Loading(reading, loading)
        return running

    async def _load(self, placement: ServedPlacement, reading: asyncio.Task[Checkpoint | None]) -> None:
        checkpoint = await reading
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(self._next_at - loop.time())
            started = loop.time()
            await placement.load_from(checkpoint)
            ended = loop.time()
            self._next_at = ended + (ended - started) * (1 / LOADING_SHARE - 1)

    def _forget(self, placement: ServedPlacement, task: asyncio.Task[None]) -> None:
        del self._running[placement]
        if not task.cancelled():
            task.exception()  # Every call may have stopped waiting.
