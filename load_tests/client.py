"""An HTTP client that costs little: prebuilt requests over keep-alive connections, one at a time on each.

A full client library (httpx) spends about a millisecond on a request, more than a server here does.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count, cycle
from time import perf_counter  # The event loop's clock (uvloop's) tells whole milliseconds.
from typing import NamedTuple, cast

PATIENCE = 10.0
"""Seconds that an answer may take."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Mismeasured(Exception):
    """What was measured is not what it is said to be: the figures would be a lie."""


class Traffic(NamedTuple):
    """What was answered, in how many seconds, and the seconds that each answer took, in no order."""

    seconds: float
    latencies: Sequence[float]

    @property
    def answered(self) -> int:
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


class Client:
    """Sends requests over its connections. Every answer must have status 200, and `expected` in its body.

    Whatever sends requests raises `Mismeasured` when one has not, and when none comes within `PATIENCE`.
    """

    def __init__(self, connections: Sequence[_Connection]) -> None:
        self._connections = connections

    @classmethod
    @asynccontextmanager
    async def connected(cls, port: int, connections: int, expected: bytes) -> AsyncIterator[Client]:
        """A client of the server on this port of this machine."""
        loop = asyncio.get_running_loop()
        opened: list[_Connection] = []
        try:
            for _ in range(connections):
                transport, connection = await loop.create_connection(lambda: _Connection(expected), "127.0.0.1", port)
                connection.transport = cast(asyncio.WriteTransport, transport)
                opened.append(connection)
            yield cls(opened)
        finally:
            for connection in opened:
                connection.transport.abort()

    async def ask(self, requests: Sequence[bytes]) -> list[bytes]:
        """Send each request once; the bodies of the answers, in the same order."""
        bodies = [b""] * len(requests)
        left = iter(enumerate(requests))

        async def send(connection: _Connection) -> None:
            for index, request in left:
                bodies[index] = await connection.ask(request)

        await self._on_each_connection(send)
        return bodies

    async def saturate(self, requests: Sequence[bytes], seconds: float) -> Traffic:
        """Send as fast as answers come: each connection sends the next request as soon as it was answered."""
        latencies = array("d")
        left = cycle(requests)
        began = perf_counter()

        async def send(connection: _Connection) -> None:
            while (since := perf_counter()) < began + seconds:
                await connection.ask(next(left))
                latencies.append(perf_counter() - since)

        await self._on_each_connection(send)
        return Traffic(perf_counter() - began, latencies)

    async def pace(self, requests: Sequence[bytes], rate: float, seconds: float) -> Traffic:
        """Send `rate` requests a second, whether or not answers come.

        A latency counts from when its request was meant to be sent. When every connection is still waiting for an
        answer, requests are sent late, and that wait counts.
        """
        latencies = array("d")
        left = zip(cycle(requests), count(), strict=False)
        began = perf_counter()

        async def send(connection: _Connection) -> None:
            for request, index in left:
                due = began + index / rate
                if due > began + seconds:
                    return
                if due > perf_counter():
                    await asyncio.sleep(due - perf_counter())
                since = min(due, perf_counter())  # A timer is up to half a millisecond early, or late.
                await connection.ask(request)
                latencies.append(perf_counter() - since)

        await self._on_each_connection(send)
        return Traffic(perf_counter() - began, latencies)

    async def _on_each_connection(self, send: Callable[[_Connection], Awaitable[None]]) -> None:
        await asyncio.gather(*map(send, self._connections))


class _Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    transport: asyncio.WriteTransport

    def __init__(self, expected: bytes) -> None:
        self._expected = expected
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._answer: asyncio.Future[bytes] = self._loop.create_future()
        self._sent_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request; the body of its answer."""
        if self.transport.is_closing():  # Servers end connections that were idle for some seconds.
            raise Mismeasured("found the connection closed by the server, expected it to be kept alive")
        self._answer = self._loop.create_future()
        self._received = b""
        self._sent_at = self._loop.time()
        if self._watch is None:
            self._watch = self._loop.call_later(PATIENCE, self._look)
        self.transport.write(request)
        return self._answer

    def data_received(self, chunk: bytes) -> None:
        self._received += chunk
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not separator or (length is not None and len(body) < int(length[1])):
            return
        if length is not None and head.startswith(b"HTTP/1.1 200 ") and self._expected in body:
            self._answer.set_result(body)
        else:
            found = self._received[:1000].decode("latin-1")
            self._fail(f"found {found!r}, expected status 200, a length, and {self._expected!r} in the body")

    def connection_lost(self, error: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._fail(f"found the connection lost ({error or 'closed by the server'}), expected an answer")

    def _look(self) -> None:
        self._watch = None
        if self._answer.done():
            return
        left = self._sent_at + PATIENCE - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self._fail(f"found no answer in {PATIENCE:g} s, expected one")

    def _fail(self, message: str) -> None:
        if not self._answer.done():
            self._answer.set_exception(Mismeasured(message))
            self._answer.exception()  # Nobody may be waiting for it any more.
