"""`GET /healthz` and `GET /readyz`: probes for process managers and load balancers."""

from __future__ import annotations

import asyncio

from edgewise.errors import RequestError, StoreError, StoreReadOnly
from edgewise.http.auth import Authenticator
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.responses import StatusResponse
from edgewise.serving.follower import Follower
from edgewise.store import Store

STORE_TIMEOUT = 1.0
"""Seconds to wait for the store."""

CHECK_INTERVAL = 0.5
"""Seconds for which the result of a check is used."""


class HealthEndpoint(Endpoint):
    """Responds whenever the process is alive."""

    async def handle(self, request: HttpRequest) -> None:
        await request.respond(StatusResponse("alive"))


class ReadinessEndpoint(Endpoint):
    """Responds with 200 if the store accepts writes and the sites are loaded.

    A write is tried at most twice a second, because everyone may ask.
    """

    def __init__(self, auth: Authenticator, store: Store, follower: Follower) -> None:
        super().__init__(auth)
        self._store = store
        self._follower = follower
        self._problem: str | None = None
        self._valid_until = 0.0

    async def handle(self, request: HttpRequest) -> None:
        if not self._follower.ready:
            raise _not_ready("No policies are loaded yet. The supervisor publishes them. Try again in a second.")
        now = asyncio.get_running_loop().time()
        if now >= self._valid_until:
            self._problem = await self._find_problem()
            self._valid_until = now + CHECK_INTERVAL
        if self._problem is not None:
            raise _not_ready(self._problem)
        await request.respond(StatusResponse("ready"))

    async def _find_problem(self) -> str | None:
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                await self._store.check_writes()
        except StoreReadOnly as error:
            return str(error)
        except (StoreError, TimeoutError):
            return "The store does not answer. Check that it runs."
        return None


def _not_ready(message: str) -> RequestError:
    return RequestError(503, "not_ready", message)
