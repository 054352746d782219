"""Connections that take the server's time, memory or descriptors."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import AsyncExitStack, suppress

from load_tests.attacker import PLACEMENT, Attacker, get, post, read_response

IDLE = 2300
SLOW = 300


async def send_endless_headers(attacker: Attacker) -> None:
    """One header, many headers, an address and a trailer without an end."""
    chunked = b"POST /v1/batch HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    starts = [b"GET / HTTP/1.1\r\na: ", b"GET /", chunked + b"0\r\na: ", chunked + b"1;a="]
    await asyncio.gather(*(_send_without_end(attacker, start, b"x" * 65536) for start in starts))
    await _send_without_end(attacker, b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 10_000)


async def open_idle_connections(attacker: Attacker) -> None:
    """More connections than a process may have by default. They send nothing."""
    async with AsyncExitStack() as stack:
        for _ in range(IDLE):
            with suppress(OSError):
                await stack.enter_async_context(attacker.connection())
                attacker.statuses["opened"] += 1
        await attacker.wait()


async def send_byte_by_byte(attacker: Attacker) -> None:
    """Headers and bodies that arrive slowly."""
    body = post("/v1/batch", {"batch": []})
    await asyncio.gather(*(_send_slowly(attacker, body, len(body) // 2 * (n % 2)) for n in range(SLOW)))


async def read_nothing(attacker: Attacker) -> None:
    """Large responses that nobody reads."""
    async with AsyncExitStack() as stack:
        for _ in range(SLOW):
            with suppress(OSError):
                _, writer = await stack.enter_async_context(attacker.connection())
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(get("/openapi.json") * 4)
                attacker.statuses["opened"] += 1
        await attacker.wait()


async def pipeline_requests(attacker: Attacker) -> None:
    """Thousands of requests at once on each connection."""
    many = get("/openapi.json") * 3000
    while not attacker.is_over:
        with suppress(OSError, EOFError):
            async with attacker.connection() as (reader, writer):
                writer.write(many)
                while not attacker.is_over:
                    attacker.statuses[str((await read_response(reader)).status)] += 1
        attacker.statuses["closed"] += 1


async def reset_connections(attacker: Attacker) -> None:
    """Connections that are reset in the middle of requests and responses."""
    chance = random.Random(0)
    requests = [get("/openapi.json") * 8, post("/v1/decide", {"placements": [PLACEMENT]}) * 8]
    loop = asyncio.get_running_loop()
    while not attacker.is_over:
        data = chance.choice(requests)
        with suppress(OSError), socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await loop.sock_connect(client, ("127.0.0.1", attacker.port))
            client.send(data[: chance.randrange(len(data))])
            await asyncio.sleep(chance.choice((0, 0.001, 0.01)))
            attacker.statuses["reset"] += 1


async def _send_without_end(attacker: Attacker, start: bytes, piece: bytes) -> None:
    while not attacker.is_over:
        with suppress(OSError):
            async with attacker.connection() as (_, writer):
                writer.write(start)
                while not attacker.is_over:
                    writer.write(piece)
                    await writer.drain()
        attacker.statuses["closed"] += 1


async def _send_slowly(attacker: Attacker, request: bytes, at_once: int) -> None:
    """Send some bytes at once, and the others one by one."""
    with suppress(OSError):
        async with attacker.connection() as (_, writer):
            writer.write(request[:at_once])
            attacker.statuses["opened"] += 1
            for byte in request[at_once:-1]:
                if attacker.is_over:
                    return
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.2)


ATTACKS = {
    "endless headers": send_endless_headers,
    "idle connections": open_idle_connections,
    "byte by byte": send_byte_by_byte,
    "unread responses": read_nothing,
    "pipelined requests": pipeline_requests,
    "resets": reset_connections,
}
