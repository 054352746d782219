"""The limits of the number of connections, and who makes room."""

from __future__ import annotations

import asyncio

from edgewise.http.connections import Connections
from tests.http.connection_client import (
    CLOSE,
    App,
    closed,
    error_of,
    exchange,
    on_uvloop,
    request,
    serve,
)
from tests.servers import running


@on_uvloop
async def test_oldest_waiting_connection_makes_room_for_a_new_one() -> None:
    async with serve(most=3) as (app, port):
        working = asyncio.create_task(exchange(port, request("/wait", CLOSE)))
        await app.waiting.wait()
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert (await exchange(port, request("/", CLOSE))).startswith(b"HTTP/1.1 200 ")
        await closed(idle[0])
        assert (await exchange(port, request("/", CLOSE))).startswith(b"HTTP/1.1 200 ")
        app.release.set()
        assert (await working).startswith(b"HTTP/1.1 200 ")
        for _, writer in idle:
            writer.close()


@on_uvloop
async def test_connection_that_waits_for_its_next_request_makes_room_too() -> None:
    async with serve(most=1) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/", body=b"hello"))
        await reader.readuntil(b"hello")
        assert (await exchange(port, request("/", CLOSE))).startswith(b"HTTP/1.1 200 ")
        await closed((reader, writer))
        writer.close()


@on_uvloop
async def test_connection_is_refused_if_the_server_works_for_all_others() -> None:
    async with serve(most=1) as (app, port):
        working = asyncio.create_task(exchange(port, request("/wait", CLOSE)))
        await app.waiting.wait()
        assert error_of(await exchange(port)) == (503, "too_many_connections")
        app.release.set()
        assert (await working).startswith(b"HTTP/1.1 200 ")


@on_uvloop
async def test_source_with_many_connections_loses_its_own() -> None:
    async with running(App(), Connections((), most_per_source=2)) as port:
        mine = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await closed(mine[0])
        for _, writer in mine:
            writer.close()


@on_uvloop
async def test_closed_connections_do_not_count() -> None:
    async with running(App(), Connections((), most=2, most_per_source=2)) as port:
        for _ in range(6):
            assert (await exchange(port, request("/", CLOSE))).startswith(b"HTTP/1.1 200 ")


@on_uvloop
async def test_trusted_proxy_has_no_limit_of_its_own() -> None:
    async with serve(most_per_source=2) as (_, port):
        mine = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        for reader, writer in mine:
            writer.write(request("/", CLOSE))
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
