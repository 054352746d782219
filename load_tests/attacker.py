"""What the attacks have in common: raw requests, connections, and a tally of the responses."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import msgspec

WRITE_KEY = "shop-key"
SECRET_KEY = "4711-of-the-attacked-shop"
IDENTITY_SECRET = "0815-of-the-attacked-shop"
PLACEMENT, LARGE_PLACEMENT, HONEST_PLACEMENT = "banner", "catalogue", "hero"
"""The placements that the attacks use, and that of the other visitors."""

ADDRESS = "203.0.113.1"
"""The address of the attacker, as a proxy reports it."""

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Response(NamedTuple):
    status: int
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Attacker:
    """An attacker that stops at a deadline. `statuses` counts the responses, and `problems` lists what must not be."""

    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.statuses: Counter[str] = Counter()
        self.problems: list[str] = []
        self._deadline = asyncio.get_running_loop().time() + seconds

    @property
    def is_over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._deadline

    async def wait(self) -> None:
        """Wait until the time is over."""
        await asyncio.sleep(self._deadline - asyncio.get_running_loop().time())

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def send(self, request: bytes) -> Response:
        """Send one request on a connection of its own.

        Raises:
            OSError, EOFError: the server closed the connection.
        """
        async with self.connection() as (reader, writer):
            writer.write(request)
            response = await read_response(reader)
        self.statuses[str(response.status)] += 1
        return response

    async def repeat(self, requests: Iterable[bytes], clients: int = 4) -> None:
        """Send these requests again and again from several connections, until the time is over."""
        endless = itertools.cycle(requests)
        await asyncio.gather(*(self._repeat(endless) for _ in range(clients)))

    async def _repeat(self, requests: Iterable[bytes]) -> None:
        remaining = iter(requests)
        while not self.is_over:
            with suppress(OSError, EOFError):
                async with self.connection() as (reader, writer):
                    while not self.is_over:
                        writer.write(next(remaining))
                        self.statuses[str((await read_response(reader)).status)] += 1
                    return
            self.statuses["closed"] += 1
            await asyncio.sleep(0.01)


async def read_response(reader: asyncio.StreamReader) -> Response:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return Response(int(head.split(b" ", 2)[1]), await reader.readexactly(int(length[1])) if length else b"")


def get(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    return request("GET", path, b"", {} if headers is None else headers)


def post(path: str, body: bytes | Mapping[str, Any], headers: Mapping[str, str] | None = None) -> bytes:
    """A request with this body. A mapping becomes JSON with the write key."""
    content = body if isinstance(body, bytes) else msgspec.json.encode({"writeKey": WRITE_KEY, **body})
    return request("POST", path, content, {} if headers is None else headers)


def request(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    usual = {
        "host": "edge.example",
        "user-agent": _BROWSER,
        "x-forwarded-for": ADDRESS,
        "content-length": str(len(body)),
    }
    lines = [f"{name}: {value}" for name, value in {**usual, **headers}.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines]).encode("latin-1") + b"\r\n\r\n" + body
