"""A bare client of one connection, and an app that shows what the protocol does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import Any, ParamSpec

import uvloop
from starlette.types import Receive, Scope, Send

from edgewise.http.connections import Connections
from edgewise.settings import Settings
from tests.servers import running

LOOPBACK = Settings().trusted_proxies
P = ParamSpec("P")

LARGE = 16 << 20
"""Bytes. More than the system keeps for a client that does not read."""


def on_uvloop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on the event loop of the web workers."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        uvloop.run(test(*args, **kwargs))

    return run


class App:
    """Echoes bodies. `/wait` responds when `release` is set, `/early` before the body, and `/pause` after a moment.

    `/large` responds with many bytes, and `/parts` with as many in several parts. `/headers` echoes the headers.
    """

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.waiting = asyncio.Event()
        self.disconnected = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        body = b""
        if scope["path"] == "/wait":
            self.waiting.set()
            await self.release.wait()
        elif scope["path"] == "/pause":
            await asyncio.sleep(0.003)
        elif scope["path"] in ("/large", "/parts"):
            body = bytes(LARGE)
        elif scope["path"] != "/early":
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.disconnected.set()
                    return
                body += message.get("body", b"")
                more = message.get("more_body", False)
            if scope["path"] == "/headers":
                body = b", ".join(name + b": " + value for name, value in scope["headers"])
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        parts = 8 if scope["path"] == "/parts" else 1
        for _ in range(parts - 1):
            await send({"type": "http.response.body", "body": body[: LARGE // parts], "more_body": True})
        await send({"type": "http.response.body", "body": body[: LARGE // parts] if parts > 1 else body})


@asynccontextmanager
async def serve(**options: int) -> AsyncIterator[tuple[App, int]]:
    app = App()
    async with asyncio.timeout(30), running(app, Connections(LOOPBACK, **options)) as port:
        yield app, port
        app.release.set()


async def exchange(port: int, *pieces: bytes) -> bytes:
    """All that the server sends until it closes the connection. It may close before the last piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = asyncio.create_task(reader.read())
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
    try:
        return await received
    except ConnectionError:
        return b""
    finally:
        writer.close()


def error_of(response: bytes) -> tuple[int, str]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def request(path: str = "/", *headers: str, body: bytes = b"") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CLOSE = "connection: close"


async def closed(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    with suppress(ConnectionError):
        assert await connection[0].read() == b""
