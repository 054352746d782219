"""The HTTP server of a web worker, which stops without breaking a connection that it accepted.

It stops accepting, answers the requests that are in progress or still arrive, and closes each connection after its next
response. A connection without a request is closed after a while.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable

import uvicorn

from edgewise.processes.listener import BACKLOG

KEEP_ALIVE_SECONDS = 5
"""How long a connection stays open without a request."""

IDLE_SECONDS = 1.0
"""How long a worker that must stop waits for requests on open connections."""

_CLOSE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """Stops on SIGTERM, as all processes do. On SIGHUP it retires: another worker on the same socket replaces it.

    A retired worker keeps idle connections for as long as their clients expect. So no request meets a closing one.
    `on_started` is called when the server accepts connections.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._is_retired = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._retire)
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if not self._is_retired:
            await self._accept_waiting(sockets or [])
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        await self._drain(KEEP_ALIVE_SECONDS + 1 if self._is_retired else IDLE_SECONDS)
        await super().shutdown(sockets)

    def _retire(self) -> None:
        self._is_retired = self.should_exit = True

    async def _accept_waiting(self, sockets: list[socket.socket]) -> None:
        """Accept the connections that wait. The system would reset them when the last worker closes the socket."""
        loop = asyncio.get_running_loop()
        for listening in sockets:
            for _ in range(BACKLOG):  # Under a flood, new ones never end.
                try:
                    connection, _ = listening.accept()
                except OSError:
                    break
                connection.setblocking(False)
                await loop.connect_accepted_socket(self._create_protocol, connection)

    def _create_protocol(self) -> asyncio.Protocol:
        # The type of uvicorn's setting knows only the arguments of the base class.
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def _drain(self, seconds: float) -> None:
        """Close each connection after its next response, and wait until none is open."""
        state, loop = self.server_state, asyncio.get_running_loop()
        state.default_headers = [*state.default_headers, _CLOSE]
        for connection in state.connections:
            if (cycle := getattr(connection, "cycle", None)) is not None:
                cycle.keep_alive = False
        deadline = loop.time() + seconds
        while state.connections and not self.force_exit and loop.time() < deadline:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.02)
