"""One connection: its limits, its deadlines, and what the others notice of it."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct

import pytest

from edgewise.http import connections as limits
from edgewise.http import protocol
from edgewise.http.protocol import HEADER_SECONDS, MAX_HEADERS, MAX_PIPELINED
from tests.http.connection_client import (
    CLOSE,
    LARGE,
    error_of,
    exchange,
    on_uvloop,
    request,
    serve,
)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Deadlines that a test can wait for. With a parameter, only this one is short."""
    monkeypatch.setattr(limits, "CHECK_INTERVAL", 0.01)
    short = getattr(request, "param", None)
    for name in ("HEADER_SECONDS", "BODY_SECONDS", "WRITE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(protocol, name, 0.1 if short in (None, name) else 60)


@pytest.mark.parametrize(
    "endless",
    [b"x", b"a:b\r\n", b"a:\r\n b\r\n", b"/a?"],
    ids=["one-header", "many-headers", "folded-header", "address"],
)
@on_uvloop
async def test_endless_headers_are_refused(endless: bytes) -> None:
    start = b"GET /" if endless == b"/a?" else b"GET / HTTP/1.1\r\nhost: x\r\ncookie: "
    async with serve() as (_, port):
        response = await exchange(port, start, *[endless * (8192 // len(endless))] * 40)
    assert response == b"" or error_of(response)[0] in (400, 431)


@pytest.mark.parametrize("size", [100, MAX_HEADERS - 100, MAX_HEADERS, 10 * MAX_HEADERS])
@pytest.mark.parametrize("where", ["header", "address"])
@pytest.mark.parametrize("body", [b"", b"x" * 300_000])
@on_uvloop
async def test_headers_and_address_have_one_limit(size: int, where: str, body: bytes) -> None:
    path, header = ("/" + "a" * size, "b: c") if where == "address" else ("/", "b: " + "c" * size)
    async with serve() as (_, port):
        response = await exchange(port, request(path, header, CLOSE, body=body))
    if size < MAX_HEADERS:
        assert response.endswith(b"\r\n\r\n" + body)
    else:
        assert error_of(response) == (431, "headers_too_large")


@on_uvloop
async def test_each_request_of_a_connection_has_the_whole_limit() -> None:
    whole = request("/", "b: " + "c" * (MAX_HEADERS - 100), body=b"hello")
    async with serve() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(whole[:-10_000])
            await writer.drain()
            await asyncio.sleep(0.01)  # The server reads it alone.
            writer.write(whole[-10_000:])
            assert (await reader.readuntil(b"\r\n\r\nhello")).startswith(b"HTTP/1.1 200 ")
        writer.close()


OFFERS = {
    "java": ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAARAAAAA"),
    "websocket": ("connection: keep-alive, upgrade", "upgrade: websocket"),
    "unknown": ("Connection: UPGRADE", "Upgrade: TLS/1.3, other"),
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@on_uvloop
async def test_an_offer_to_change_the_protocol_is_ignored(offer: tuple[str, ...]) -> None:
    one, long = request("/", *offer, body=b"hello"), request("/", *offer, body=b"x" * 100_000)
    chunked = b"\r\n".join((b"POST / HTTP/1.1", *map(str.encode, offer), b"transfer-encoding: chunked", b"", b""))
    get = b"GET / HTTP/1.1\r\n" + "\r\n".join(offer).encode() + b"\r\n\r\n"
    last = request("/", CLOSE, body=b"last")
    async with serve() as (_, port):
        whole = await exchange(port, one * 3 + get + last)
        pieces = await exchange(port, *(one[at : at + 7] for at in range(0, len(one), 7)), last)
        large = await exchange(port, long + last)
        in_chunks = await exchange(port, chunked + b"5\r\nhello\r\n", b"1\r\n!\r\n0\r\n\r\n" + last)
        closing = await exchange(port, request("/", offer[0] + ", close", *offer[1:], body=b"hello"))
    assert whole.count(b"\r\n\r\nhelloHTTP/1.1 200 ") == 3
    assert b"\r\n\r\nhelloHTTP/1.1 200 " in pieces
    assert b"\r\n\r\n" + b"x" * 100_000 + b"HTTP/1.1 200 " in large
    assert b"\r\n\r\nhello!HTTP/1.1 200 " in in_chunks
    assert all(response.endswith(b"\r\n\r\nlast") for response in (whole, pieces, large, in_chunks))
    assert closing.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("address", [b"x:443", b"/"])
@on_uvloop
async def test_a_tunnel_is_refused(address: bytes) -> None:
    async with serve() as (_, port):
        response = await exchange(port, b"CONNECT %b HTTP/1.1\r\nhost: x\r\n\r\nhello" % address)
    assert error_of(response) == (400, "malformed_request")


@on_uvloop
async def test_an_endless_offer_to_change_the_protocol_meets_the_limits() -> None:
    offer = "\r\n".join(("GET / HTTP/1.1", *OFFERS["java"])).encode()
    async with serve() as (_, port):
        many = await exchange(port, (offer + b"\r\n\r\n") * 1000)
        long = await exchange(port, offer + b"\r\ncookie: " + b"x" * (MAX_HEADERS + 1) + b"\r\n\r\n")
        after = await exchange(port, request("/", CLOSE, body=b"hello"))
    assert many.count(b"HTTP/1.1 200 ") <= MAX_PIPELINED + 1
    assert error_of(long) == (431, "headers_too_large")
    assert after.endswith(b"\r\n\r\nhello")


@on_uvloop
async def test_trailers_change_no_header() -> None:
    start = request("/headers", "transfer-encoding: chunked", "a: 1", CLOSE).replace(b"content-length: 0\r\n", b"")
    async with serve() as (_, port):
        response = await exchange(port, start + b"5\r\nhello\r\n0\r\na: 2\r\nauthorization: Bearer x\r\n\r\n")
    assert response.endswith(b"\r\n\r\nhost: x, transfer-encoding: chunked, a: 1, connection: close")


@pytest.mark.parametrize("endless", [b"0\r\na: ", b"1;a="], ids=["trailer", "chunk-extension"])
@on_uvloop
async def test_endless_rest_of_a_chunked_body_is_refused(endless: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with serve() as (app, port):
        response = await exchange(port, head, endless, *[b"x" * 8192] * 40)
        await app.disconnected.wait()
    assert response == b"" or error_of(response) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"POST /\xff HTTP/1.1\r\n\r\n"]
)
@on_uvloop
async def test_malformed_request_has_the_shape_of_all_errors(garbage: bytes) -> None:
    async with serve() as (_, port):
        assert error_of(await exchange(port, garbage)) == (400, "malformed_request")


@pytest.mark.usefixtures("fast")
@on_uvloop
async def test_connection_without_a_request_is_closed() -> None:
    async with serve() as (_, port):
        assert await exchange(port) == b""


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("start", [b"G", b"POST / HTTP/1.1\r\nhost: x\r\n", request("/", CLOSE, body=b"hello")[:-1]])
@on_uvloop
async def test_slow_request_is_refused(start: bytes) -> None:
    async with serve() as (_, port):
        assert error_of(await exchange(port, start)) == (408, "request_too_slow")


@pytest.mark.parametrize(
    ("fast", "start"),
    [
        ("HEADER_SECONDS", b""),
        ("HEADER_SECONDS", b"G"),
        ("HEADER_SECONDS", request("/", body=b"hello") + b"G"),
        ("BODY_SECONDS", request("/", body=b"hello")[:-1]),
        ("BODY_SECONDS", request("/", body=b"hello") + request("/", body=b"hello")[:-1]),
    ],
    indirect=["fast"],
)
@pytest.mark.usefixtures("fast")
@on_uvloop
async def test_each_deadline_holds_without_the_others(start: bytes) -> None:
    async with serve() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if start.startswith(whole := request("/", body=b"hello")):
            writer.write(whole)
            await reader.readuntil(b"hello")
            start = start.removeprefix(whole)
        writer.write(start)
        response = await asyncio.wait_for(reader.readuntil(b"}}") if start else reader.read(), 10)
        assert response == b"" if not start else error_of(response) == (408, "request_too_slow")
        writer.close()


@pytest.mark.usefixtures("fast")
@on_uvloop
async def test_slow_client_does_not_extend_its_time_byte_by_byte() -> None:
    async with serve() as (app, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/", body=bytes(100))[:-100])
        while not app.disconnected.is_set():
            writer.write(b"x")
            await asyncio.sleep(0.02)
        assert error_of(await reader.read())[0] == 408
        writer.close()


@pytest.mark.usefixtures("fast")
@on_uvloop
async def test_time_of_the_next_request_starts_with_it() -> None:
    async with serve() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(request("/", body=b"hello"))
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.05)
        writer.write(b"GET")
        assert error_of(await reader.read())[0] == 408
        writer.close()


@pytest.mark.usefixtures("fast")
@on_uvloop
async def test_server_may_take_its_time() -> None:
    async with serve() as (app, port):
        response = asyncio.create_task(exchange(port, request("/wait", CLOSE)))
        await asyncio.sleep(0.4)
        app.release.set()
        assert (await response).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("headers", [(), (CLOSE,)])
@pytest.mark.parametrize("path", ["/large", "/parts"])
@on_uvloop
async def test_client_that_does_not_read_is_disconnected(path: str, headers: tuple[str, ...]) -> None:
    async with serve() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(request(path, *headers))
        await reader.readline()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.5)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(LARGE)
        writer.close()


@pytest.mark.usefixtures("fast")
@on_uvloop
async def test_body_after_the_response_has_a_deadline() -> None:
    async with serve() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/early", body=b"x" * 100)[:-50])
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert await reader.read() == b""
        writer.close()


@on_uvloop
async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serve() as (_, port):
        bodies = [b"%d" % number for number in range(MAX_PIPELINED)]
        response = await exchange(port, b"".join(request("/", body=body) for body in bodies) + request("/", CLOSE))
    assert [
        part[-len(body) :] for part, body in zip(response.split(b"HTTP/1.1 200 ")[1:], bodies, strict=False)
    ] == bodies


@on_uvloop
async def test_too_many_pipelined_requests_end_the_connection() -> None:
    async with serve() as (_, port):
        for count in (MAX_PIPELINED + 2, 10_000):
            response = await asyncio.wait_for(exchange(port, request("/wait") * count), HEADER_SECONDS / 2)
            assert b"HTTP/1.1 200 " not in response
        assert (await exchange(port, request("/", CLOSE))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("fast")
@on_uvloop
async def test_resets_leave_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    chance = random.Random(0)
    whole = [
        request("/", body=b"x" * 70_000),
        request("/large") * 3,
        request("/", "transfer-encoding: chunked") + b"5\r\nhello\r\n",
        request("/", "expect: 100-continue", body=b"hello"),
        request("/early", body=b"x" * 200_000),
        request("/wait") + request("/large") + request("/"),
        request("/pause") * 8,
        request("/", "connection: upgrade", "upgrade: websocket"),
    ]
    async with serve() as (app, port):
        for number in range(200):
            if number == 150:
                app.release.set()
            data = chance.choice(whole)
            client = socket.create_connection(("127.0.0.1", port))
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # Reset on close.
            try:
                client.send(data[: chance.randrange(len(data) + 1)])
                await asyncio.sleep(chance.choice((0, 0, 0.001, 0.02)))
            finally:
                client.close()
        assert (await exchange(port, request("/", CLOSE))).startswith(b"HTTP/1.1 200 ")
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []
