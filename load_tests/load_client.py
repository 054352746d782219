"""An HTTP client with little overhead. It sends prebuilt requests over keep-alive connections, one at a time on each.

A full client library such as httpx spends about a millisecond on a request, which is more than the server does.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count, cycle
from time import perf_counter  # The clock of uvloop's event loop has a resolution of a millisecond.
from typing import NamedTuple, cast

TIMEOUT = 10.0
"""Seconds before a response counts as missing."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class MeasurementError(Exception):
    """The measurement is invalid, so its figures mean nothing."""


class LoadResult(NamedTuple):
    """The duration of a load in seconds, and the latency of each response in seconds, in no order."""

    seconds: float
    latencies: Sequence[float]

    @property
    def answered(self) -> int:
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Responses a second."""
        return self.answered / self.seconds


class LoadClient:
    """Sends requests over its connections.

    Its methods raise `MeasurementError` if a response has another status than 200, lacks `expected` in its body, or
    takes longer than `TIMEOUT`.
    """

    def __init__(self, connections: Sequence[_Connection]) -> None:
        self._connections = connections

    @classmethod
    @asynccontextmanager
    async def connected(cls, port: int, connections: int, expected: bytes) -> AsyncIterator[LoadClient]:
        """Connect to the server on this port of this machine."""
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

    async def send(self, requests: Sequence[bytes]) -> list[bytes]:
        """Send each request once. Return the bodies of the responses in the same order."""
        bodies = [b""] * len(requests)
        left = iter(enumerate(requests))

        async def work(connection: _Connection) -> None:
            for index, request in left:
                bodies[index] = await connection.send(request)

        await self._on_each_connection(work)
        return bodies

    async def saturate(self, requests: Sequence[bytes], seconds: float) -> LoadResult:
        """Send at the highest rate: each connection sends its next request right after a response."""
        latencies = array("d")
        left = cycle(requests)
        began = perf_counter()

        async def work(connection: _Connection) -> None:
            # Every connection sends at least once, however late a busy machine starts it.
            until = began
            while until < began + seconds:
                since = perf_counter()
                await connection.send(next(left))
                until = perf_counter()
                latencies.append(until - since)

        await self._on_each_connection(work)
        return LoadResult(perf_counter() - began, latencies)

    async def pace(self, requests: Sequence[bytes], rate: float, seconds: float) -> LoadResult:
        """Send `rate` requests a second, independently of the responses.

        A latency counts from the scheduled time of its request. If all connections are busy, requests are sent late,
        and the wait counts.
        """
        latencies = array("d")
        left = zip(cycle(requests), count(), strict=False)
        began = perf_counter()

        async def work(connection: _Connection) -> None:
            for request, index in left:
                due = began + index / rate
                if due > began + seconds:
                    return
                if due > perf_counter():
                    await asyncio.sleep(due - perf_counter())
                since = min(due, perf_counter())  # A timer may be half a millisecond early or late.
                await connection.send(request)
                latencies.append(perf_counter() - since)

        await self._on_each_connection(work)
        return LoadResult(perf_counter() - began, latencies)

    async def _on_each_connection(self, send: Callable[[_Connection], Awaitable[None]]) -> None:
        await asyncio.gather(*map(send, self._connections))


class _Connection(asyncio.Protocol):
    """One connection with at most one pending request."""

    transport: asyncio.WriteTransport

    def __init__(self, expected: bytes) -> None:
        self._expected = expected
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._response: asyncio.Future[bytes] = self._loop.create_future()
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request. The future returns the body of the response."""
        if self.transport.is_closing():  # Servers close idle connections after some seconds.
            raise MeasurementError("Expected an open connection, found it closed by the server.")
        self._response = self._loop.create_future()
        self._received = b""
        self._sent_at = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(TIMEOUT, self._check_timeout)
        self.transport.write(request)
        return self._response

    def data_received(self, chunk: bytes) -> None:
        self._received += chunk
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not separator or (length is not None and len(body) < int(length[1])):
            return
        if length is not None and head.startswith(b"HTTP/1.1 200 ") and self._expected in body:
            self._response.set_result(body)
        else:
            found = self._received[:1000].decode("latin-1")
            self._fail(f"Expected status 200, a length, and {self._expected!r} in the body, found {found!r}.")

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fail(f"Expected a response, found the connection lost: {error or 'closed by the server'}.")

    def _check_timeout(self) -> None:
        self._timer = None
        if self._response.done():
            return
        left = self._sent_at + TIMEOUT - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check_timeout)
        else:
            self._fail(f"Missing response after {TIMEOUT:g} s.")

    def _fail(self, message: str) -> None:
        if not self._response.done():
            self._response.set_exception(MeasurementError(message))
            self._response.exception()  # Prevents a warning if no task awaits the response any more.
