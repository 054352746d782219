"""`GET /healthz` and `GET /readyz`: for whoever starts and stops this server."""

from __future__ import annotations

import asyncio

from edgewise.errors import RequestError, StoreError
from edgewise.http.auth import Gate
from edgewise.http.endpoint import Call, Door
from edgewise.http.responses import StatusAnswer
from edgewise.serving.follower import Follower
from edgewise.store import Store

PATIENCE = 1.0
"""Seconds that the store may take to answer."""


class Health(Door):
    """The process is alive: it answers."""

    async def open(self, call: Call) -> None:
        await call.answer(StatusAnswer("alive"))


class Readiness(Door):
    """The store answers, and every site can be served."""

    def __init__(self, gate: Gate, store: Store, follower: Follower) -> None:
        super().__init__(gate)
        self._store = store
        self._follower = follower

    async def open(self, call: Call) -> None:
        if not self._follower.ready:
            raise _not_ready("found no policies to serve yet, expected those that the supervisor publishes")
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.ping()
        except (StoreError, TimeoutError) as error:
            raise _not_ready("the store does not answer, expected it to") from error
        await call.answer(StatusAnswer("ready"))


def _not_ready(message: str) -> RequestError:
    return RequestError(503, "not_ready", message)
