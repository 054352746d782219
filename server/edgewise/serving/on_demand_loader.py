"""Loads models when decide calls ask for them. Most policies of a small server are idle, so few models are loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from edgewise.serving.served_site import ServedPlacement
from edgewise.store import Checkpoint, Store
from edgewise.types import PolicyRef

LOADING_SHARE = 0.5
"""The largest share of its time that a worker spends on models that calls wait for. A load takes a few milliseconds."""

LOAD_WITHIN = 0.5
"""Seconds that a call may wait for a model to load, after the store sent it. A page may need the models of many
placements."""


class _Loading(NamedTuple):
    """The tasks of one load. The second one waits for the first."""

    reading: asyncio.Task[dict[PolicyRef, Checkpoint]]
    loading: asyncio.Task[None]


class OnDemandLoader:
    """Loads one model at a time, and each only once for all calls that wait for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[ServedPlacement, _Loading] = {}
        self._turn = asyncio.Lock()
        self._next_at = 0.0

    async def load(self, placements: Sequence[ServedPlacement], deadline: float) -> None:
        """Wait until the newest models of these placements are loaded. Cancelling the wait does not cancel the load.

        The models are read together, because each load delays the replies of the store. `deadline` is a time of the
        event loop until which the store may take to send them.

        Raises:
            StoreError: the store does not answer.
            TimeoutError: it is late, or too many models are waiting to be loaded. Some may be loaded.
        """
        if new := [placement for placement in placements if placement not in self._running]:
            self._begin(new)
        running = [self._running[placement] for placement in placements]
        async with asyncio.timeout_at(deadline):
            await asyncio.gather(*(asyncio.shield(one.reading) for one in running))
        async with asyncio.timeout(LOAD_WITHIN):
            await asyncio.gather(*(asyncio.shield(one.loading) for one in running))

    async def stop(self) -> None:
        tasks = [task for running in self._running.values() for task in running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, placements: Sequence[ServedPlacement]) -> None:
        reading = asyncio.create_task(self._store.checkpoints.read_all([placement.ref for placement in placements]))
        for placement in placements:
            loading = asyncio.create_task(self._load(placement, reading))
            loading.add_done_callback(partial(self._forget, placement))
            self._running[placement] = _Loading(reading, loading)

    async def _load(self, placement: ServedPlacement, reading: asyncio.Task[dict[PolicyRef, Checkpoint]]) -> None:
        checkpoint = (await asyncio.shield(reading)).get(placement.ref)
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
