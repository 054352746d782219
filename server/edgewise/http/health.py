"""`GET /healthz` and `GET /readyz`: probes for process managers and load balancers."""

from __future__ import annotations

import asyncio

from edgewise.errors import RequestError, StoreError
from edgewise.http.auth import Authenticator
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.responses import StatusResponse
from edgewise.serving.follower import Follower
from edgewise.store import Store

STORE_TIMEOUT = 1.0
"""Seconds to wait for the store."""


class HealthEndpoint(Endpoint):
    """Responds whenever the process is alive."""

    async def handle(self, request: HttpRequest) -> None:
        await request.respond(StatusResponse("alive"))


class ReadinessEndpoint(Endpoint):
    """Responds with 200 if the store answers and the sites are loaded."""

    def __init__(self, auth: Authenticator, store: Store, follower: Follower) -> None:
        super().__init__(auth)
        self._store = store
        self._follower = follower

    async def handle(self, request: HttpRequest) -> None:
        if not self._follower.ready:
            raise _not_ready("No policies are loaded yet. The supervisor publishes them. Try again in a second.")
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                await self._store.ping()
        except (StoreError, TimeoutError) as error:
            raise _not_ready("The store does not answer. Check that it runs.") from error
        await request.respond(StatusResponse("ready"))


def _not_ready(message: str) -> RequestError:
    return RequestError(503, "not_ready", message)
