from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgpack
import pytest

from edgewise.http.batch import MAX_BATCH_BYTES, MAX_SINGLE_BYTES
from edgewise.http.content import ALWAYS_DECOMPRESSED, MAX_GZIP_RATIO
from edgewise.http.decide import MAX_BODY_BYTES
from tests.servers import BEARER, Server, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = {"/v1/decide": MAX_BODY_BYTES, "/v1/batch": MAX_BATCH_BYTES, "/v1/track": MAX_SINGLE_BYTES}
"""The largest body of a browser's call."""

GOOD = {"placements": ["hero"]}
NESTED = 100_000


def with_data(content: bytes) -> bytes:
    """A decide body with this value in its context."""
    return b'{"placements": ["hero"], "context": {"data": {"a": ' + content + b"}}}"


async def send(server: Server, path: str, content: Any, **headers: str) -> httpx.Response:
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    accept = {"accept": "application/json"}
    return await server.client.post(path, content=content, headers=accept | dashed, auth=("default", ""))


def refused(response: httpx.Response, status: int, code: str) -> str:
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    message: str = response.json()["error"]["message"]
    return message


@pytest.mark.parametrize(
    "content",
    [
        b"1e999",
        b"9" * 100,
        b"-" + b"9" * 30,
        b"18446744073709551616",
        b"9" * 5000,
        b'"\\u0000"',
        b'{"\\u0000": 1}',
        b"[" * 50 + b"]" * 50,
        b"[" * NESTED + b"]" * NESTED,
        b'"\\udfff"',
        b'"' + b"x" * 1025 + b'"',
    ],
    ids=lambda content: repr(content[:20]),
)
async def test_context_data_beyond_the_limits_is_refused(server: Server, content: bytes) -> None:
    response = await send(server, "/v1/decide", with_data(content))
    assert response.status_code == 400
    assert response.json()["error"]["code"] in ("malformed_body", "invalid_request")


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), b"bytes", msgpack.Timestamp(1), msgpack.ExtType(5, b"x")],
    ids=lambda value: type(value).__name__,
)
async def test_types_that_only_messagepack_has_are_refused(server: Server, value: object) -> None:
    packed = msgpack.packb(GOOD | {"context": {"data": {"a": [value]}}})
    message = refused(
        await send(server, "/v1/decide", packed, content_type="application/msgpack"), 400, "invalid_request"
    )
    assert message.startswith("context.data.a.0: Expected a ")


@pytest.mark.parametrize(("path", "limit"), LIMITS.items())
async def test_content_length_above_the_limit_is_refused(server: Server, path: str, limit: int) -> None:
    message = refused(await send(server, path, b" " * (limit + 1)), 413, "body_too_large")
    assert message == f"body: Expected at most {limit} bytes, found {limit + 1} bytes."


@pytest.mark.parametrize(("path", "limit"), LIMITS.items())
async def test_endless_body_is_refused_at_the_limit(server: Server, path: str, limit: int) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(limit // 65536 + 8):
            yield b" " * 65536

    refused(await send(server, path, endless()), 413, "body_too_large")


async def test_body_at_the_limit_is_read(server: Server) -> None:
    content = json.dumps(GOOD).encode().ljust(MAX_BODY_BYTES)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, MAX_BODY_BYTES, 100_000):
            yield content[start : start + 100_000]

    assert (await send(server, "/v1/decide", content)).status_code == 200
    assert (await send(server, "/v1/decide", chunks())).status_code == 200


async def test_batch_with_the_secret_key_may_have_the_size_of_the_setting(server: Server) -> None:
    content = json.dumps({"batch": []}).encode().ljust(MAX_BATCH_BYTES + 1)
    refused(await server.client.post("/v1/batch", content=content, auth=("default", "")), 413, "body_too_large")
    assert (await server.client.post("/v1/batch", content=content, headers=BEARER)).status_code == 200


async def test_wrong_key_is_refused_before_the_body_is_decoded(server: Server) -> None:
    wrong = [{"writeKey": "wrong", "placements": 5, "batch": 5}, {"writeKey": "default", "placements": 5, "batch": 5}]
    for path in ("/v1/decide", "/v1/batch"):
        unknown, known = [await server.client.post(path, json=body) for body in wrong]
        elsewhere = await server.client.post(path, json=wrong[1], headers={"origin": "https://elsewhere.example"})
        assert (unknown.status_code, elsewhere.status_code, known.status_code) == (401, 403, 400)


async def test_wrong_secret_key_is_refused_without_its_body(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ncontent-length: 100\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_gzip_body_is_decompressed(server: Server) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())
    assert (await send(server, "/v1/decide", packed, content_encoding="gzip")).status_code == 200
    assert (await send(server, "/v1/decide", json.dumps(GOOD), content_encoding="identity")).status_code == 200
    assert (await send(server, "/v1/decide", json.dumps(GOOD), content_encoding="")).status_code == 200
    assert (await send(server, "/v1/decide", packed, content_encoding="x-gzip")).status_code == 200


async def test_gzip_bomb_is_refused(server: Server) -> None:
    bomb = gzip.compress(b" " * (60 * MAX_BODY_BYTES))
    assert len(bomb) < MAX_BODY_BYTES
    refused(await send(server, "/v1/decide", bomb, content_encoding="gzip"), 413, "body_too_large")


async def test_gzip_body_that_grows_too_much_is_refused(server: Server) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode().ljust(MAX_BODY_BYTES))
    message = refused(await send(server, "/v1/decide", packed, content_encoding="gzip"), 413, "body_too_large")
    assert message.startswith(f"body: Expected gzip of at most {MAX_GZIP_RATIO} times its size")


async def test_small_gzip_body_may_grow_by_any_ratio(server: Server) -> None:
    for size, status in ((ALWAYS_DECOMPRESSED, 200), (ALWAYS_DECOMPRESSED + 1, 413)):
        packed = gzip.compress(json.dumps(GOOD).encode().ljust(size))
        assert MAX_GZIP_RATIO * len(packed) < ALWAYS_DECOMPRESSED
        assert (await send(server, "/v1/decide", packed, content_encoding="gzip")).status_code == status


async def test_incomplete_or_extended_gzip_body_is_refused(server: Server) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())
    for content, code in (
        (packed[:-4], "body_cut_short"),
        (b"", "body_cut_short"),
        (packed + b"more", "malformed_body"),
        (packed + packed, "malformed_body"),
        (b"not gzip", "malformed_body"),
        (packed[:-8] + b"12345678", "malformed_body"),
    ):
        refused(await send(server, "/v1/decide", content, content_encoding="gzip"), 400, code)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_unsupported_content_encoding_is_refused(server: Server, encoding: str) -> None:
    message = refused(await send(server, "/v1/decide", b"x", content_encoding=encoding), 415, "unsupported_encoding")
    assert message == f"Content-Encoding: Expected gzip or no encoding, found {encoding!r}."


@pytest.mark.parametrize("content_type", ["application/xml", "application/x-www-form-urlencoded", "json", "a" * 500])
async def test_unsupported_content_type_is_refused(server: Server, content_type: str) -> None:
    refused(
        await send(server, "/v1/decide", json.dumps(GOOD), content_type=content_type), 415, "unsupported_media_type"
    )


async def test_server_survives_a_client_that_disconnects(server: Server) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /v1/decide HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await server.get("/healthz")).status_code == 200


async def test_body_limit_is_a_setting(store_url: str) -> None:
    async with serve(store_url, max_body=100) as server:
        message = refused(await send(server, "/v1/decide", b" " * 101), 413, "body_too_large")
    assert message == "body: Expected at most 100 bytes, found 101 bytes."
