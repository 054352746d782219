"""A receiver of webhooks for tests: a real server on 127.0.0.1 that fails on request."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.eventually import eventually


class Received(NamedTuple):
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body)
        return message


class Receiver:
    """`behaviour` is a status to respond with, or "hang", or "die" to close the connection without a response."""

    def __init__(self) -> None:
        self.behaviour: int | str = 200
        self.requests: list[Received] = []
        self.accepted: list[Received] = []
        self.port = 0
        self._recovered = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?tool=mail"

    def ids(self) -> list[str]:
        """The ids of accepted messages, without repetitions, in order."""
        return list(dict.fromkeys(one.message["id"] for one in self.accepted))

    def recover(self) -> None:
        """Accept messages from now on, and end the requests that hang."""
        self.behaviour = 200
        self._recovered.set()

    async def wait_for_requests(self, count: int) -> None:
        """Wait for this many further requests."""
        enough = len(self.requests) + count

        async def came() -> bool:
            return len(self.requests) >= enough

        await eventually(came)

    async def wait_for_messages(self, count: int) -> list[Received]:
        """Wait until this many messages were accepted. Return them without repetitions, in order."""

        async def came() -> bool:
            return len(self.ids()) >= count

        await eventually(came)
        first = {one.message["id"]: one for one in reversed(self.accepted)}
        return [first[id] for id in self.ids()]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            received = Received(headers, await reader.readexactly(int(headers["content-length"])))
            behaviour = self.behaviour
            self.requests.append(received)
            if behaviour == "hang":
                await self._hang(reader)
            elif isinstance(behaviour, int):
                if 200 <= behaviour <= 299:
                    self.accepted.append(received)
                more = f"location: {self.url}\r\n" if 300 <= behaviour <= 399 else ""
                writer.write(f"HTTP/1.1 {behaviour} x\r\n{more}content-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        """Hang until the sender closes the connection, or the receiver recovers."""
        ends = [asyncio.ensure_future(reader.read()), asyncio.ensure_future(self._recovered.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
