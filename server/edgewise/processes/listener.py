"""The listening socket: bound once by the supervisor, shared by all web workers."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from edgewise.errors import SettingsError

BACKLOG = 2048
"""Connections that may wait while every worker is busy, or starts again."""

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Listener:
    """A socket that listens. `host` and `port` reach it from this machine, on whichever addresses it listens."""

    def __init__(self, listening: socket.socket) -> None:
        self.descriptor = listening.fileno()
        address, self.port = listening.getsockname()[:2]
        self.host = _EVERY_ADDRESS.get(address, address)

    @property
    def url(self) -> str:
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    async def answers(self) -> None:
        """Wait until /healthz is answered with 200."""
        while True:
            if await self._answers_now():
                return
            await asyncio.sleep(0.05)

    async def _answers_now(self) -> bool:
        try:
            async with asyncio.timeout(5.0):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                try:
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


@contextmanager
def listening(host: str, port: int) -> Iterator[Listener]:
    """Listen there.

    Raises:
        SettingsError: one cannot listen there; says why.
    """
    try:
        bound = _bind(host, port)
    except OSError as error:
        raise SettingsError(_cannot_listen(host, port, error)) from error
    with bound:
        yield Listener(bound)


def _bind(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"--host: found {host!r}, expected an address of this machine: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        return f"--port: found {port} of {host} in use by another program, expected a free port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: found {host!r}, expected an address of this machine"
    return f"--port: found {port} of {host}, expected a port that may be listened on: {os.strerror(error.errno or 0)}"
