"""The bytes of a request's body: read up to a limit, and unpacked."""

from __future__ import annotations

import asyncio
import zlib

from starlette.types import Message, Receive

from edgewise.errors import RequestError
from edgewise.http.content import Headers

PATIENCE = 10.0
"""Seconds that the rest of a body may take, once its beginning is there."""

_GZIP = 16 + zlib.MAX_WBITS


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """The whole body, unpacked; `limit` is the most bytes that it may have, before and after that.

    Raises:
        RequestError: it is too large (413), packed in an unknown way (415), cut short (400) or too slow (408).
    """
    declared = headers.get(b"content-length")
    if declared is not None and int(declared) > limit:  # The server has checked that it is a number.
        raise _too_large(f"{int(declared)} bytes", limit)
    first = await receive()
    body = _part(first)
    if first.get("more_body", False):
        body = await _rest(receive, body, limit)
    elif len(body) > limit:
        raise _too_large(f"{len(body)} bytes", limit)
    encoding = headers.get(b"content-encoding")
    return body if encoding is None else _unpacked(body, encoding.strip().lower(), limit)


async def _rest(receive: Receive, body: bytes, limit: int) -> bytes:
    parts, size, more = [body], len(body), True
    try:
        async with asyncio.timeout(PATIENCE):
            while more:
                message = await receive()
                parts.append(_part(message))
                size += len(parts[-1])
                if size > limit:
                    raise _too_large(f"at least {size} bytes", limit)
                more = message.get("more_body", False)
    except TimeoutError as error:
        found = f"{size} bytes in {PATIENCE:g} s"
        raise RequestError(408, "body_too_slow", f"body: found {found}, expected all of it by then") from error
    return b"".join(parts)


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise RequestError(400, "body_cut_short", "body: found its sender gone, expected the rest of it")
    part: bytes = message.get("body", b"")
    return part


def _unpacked(body: bytes, encoding: bytes, limit: int) -> bytes:
    if encoding == b"identity":
        return body
    if encoding != b"gzip":
        found = repr(encoding[:100].decode("latin-1"))
        raise RequestError(415, "unsupported_encoding", f"Content-Encoding: found {found}, expected gzip or none")
    inflating = zlib.decompressobj(_GZIP)
    try:
        inflated = inflating.decompress(body, limit + 1)
    except zlib.error as error:
        raise RequestError(400, "malformed_body", f"body: expected gzip, as Content-Encoding says: {error}") from error
    if len(inflated) > limit:
        raise _too_large("more once unpacked", limit)
    if not inflating.eof:
        raise RequestError(400, "body_cut_short", "body: found the gzip stream cut short, expected all of it")
    if inflating.unused_data:
        found = f"{len(inflating.unused_data)} bytes after the gzip stream"
        raise RequestError(400, "malformed_body", f"body: found {found}, expected none")
    return inflated


def _too_large(found: str, limit: int) -> RequestError:
    return RequestError(413, "body_too_large", f"body: found {found}, expected at most {limit} bytes")
