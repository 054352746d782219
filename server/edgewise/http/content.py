"""Content negotiation and request bodies: media types, size limits, and gzip."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from starlette.types import Message, Receive

from edgewise.errors import RequestError

Headers: TypeAlias = Mapping[bytes, bytes]
"""The headers of a request, by their names in lower case."""

MAX_GZIP_RATIO = 100
"""The largest size of a decompressed body, as a multiple of its compressed size. Messages of visitors reach 20."""

ALWAYS_DECOMPRESSED = 16 * 1024
"""Bytes that a body may have after decompression, whatever its ratio."""

MAX_HEADER = 1024
"""The bytes of a header that are read. No honest client sends more in the headers that Edgewise reads."""

_GZIP = 16 + zlib.MAX_WBITS


class Format(NamedTuple):
    """A serialization format of bodies."""

    name: Literal["json", "msgpack"]
    content_type: bytes
    encode: Callable[[Any], bytes]


JSON = Format("json", b"application/json", msgspec.json.Encoder(decimal_format="number").encode)
MSGPACK = Format("msgpack", b"application/msgpack", msgspec.msgpack.Encoder().encode)

_FORMATS: Mapping[bytes, Format] = {
    b"application/json": JSON,
    # Browsers send text/plain to other origins without a preflight request.
    b"text/plain": JSON,
    b"application/msgpack": MSGPACK,
    b"application/x-msgpack": MSGPACK,
    b"application/vnd.msgpack": MSGPACK,
}


def request_format(headers: Headers) -> Format:
    """The format of a request's body. JSON is the default.

    Raises:
        RequestError: 415, the media type is not supported.
    """
    content_type = headers.get(b"content-type")
    if not content_type:
        return JSON
    format = _FORMATS.get(content_type) or _FORMATS.get(_media_type(content_type[:MAX_HEADER]))
    if format is None:
        message = (
            "Content-Type: Expected application/json, text/plain (with JSON) or application/msgpack, "
            f"found {content_type[:100].decode('latin-1')!r}."
        )
        raise RequestError(415, "unsupported_media_type", message)
    return format


def response_format(headers: Headers) -> Format:
    """The first supported format in the Accept header. The default is the format of the request's body."""
    accept, content_type = headers.get(b"accept", b""), headers.get(b"content-type", b"")
    return _response_format(accept[:MAX_HEADER], content_type[:MAX_HEADER])


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """The whole body, decompressed. It has at most `limit` bytes, both before and after decompression.

    Raises:
        RequestError: the body is too large (413), has an unsupported encoding (415), or is incomplete (400).
    """
    declared = headers.get(b"content-length")
    if declared is not None and int(declared) > limit:  # The HTTP server has checked that it is a number.
        raise _too_large(f"{int(declared)} bytes", limit)
    first = await receive()
    body = _part(first)
    if first.get("more_body", False):
        body = await _read_rest(receive, body, limit)
    elif len(body) > limit:
        raise _too_large(f"{len(body)} bytes", limit)
    encoding = headers.get(b"content-encoding")
    return body if encoding is None else _decompress(body, encoding.strip().lower(), limit)


async def _read_rest(receive: Receive, body: bytes, limit: int) -> bytes:
    parts, size, more = [body], len(body), True
    while more:
        message = await receive()
        parts.append(_part(message))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(f"at least {size} bytes", limit)
        more = message.get("more_body", False)
    return b"".join(parts)


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise RequestError(400, "body_cut_short", "body: The client disconnected before the end of the body.")
    part: bytes = message.get("body", b"")
    return part


def _decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip"):
        message = f"Content-Encoding: Expected gzip or no encoding, found {encoding[:100].decode('latin-1')!r}."
        raise RequestError(415, "unsupported_encoding", message)
    most = min(limit, max(ALWAYS_DECOMPRESSED, MAX_GZIP_RATIO * len(body)))
    decompressor = zlib.decompressobj(_GZIP)
    try:
        decompressed = decompressor.decompress(body, most + 1)
    except zlib.error as error:
        message = f"body: Expected gzip, as in Content-Encoding, found other bytes ({error})."
        raise RequestError(400, "malformed_body", message) from error
    if len(decompressed) > most:
        if most == limit:
            raise _too_large("more after decompression", limit)
        message = f"body: Expected gzip of at most {MAX_GZIP_RATIO} times its size, found more. Send it uncompressed."
        raise RequestError(413, "body_too_large", message)
    if not decompressor.eof:
        raise RequestError(400, "body_cut_short", "body: The gzip stream is incomplete. Send all of it.")
    if decompressor.unused_data:
        message = f"body: Expected one gzip stream, found {len(decompressor.unused_data)} more bytes after it."
        raise RequestError(400, "malformed_body", message)
    return decompressed


def _too_large(found: str, limit: int) -> RequestError:
    return RequestError(413, "body_too_large", f"body: Expected at most {limit} bytes, found {found}.")


@lru_cache(maxsize=256)
def _response_format(accept: bytes, content_type: bytes) -> Format:
    for accepted in accept.split(b","):
        media_type = _media_type(accepted)
        if media_type in _FORMATS and media_type != b"text/plain":
            return _FORMATS[media_type]
    return _FORMATS.get(_media_type(content_type), JSON)


def _media_type(value: bytes) -> bytes:
    return value.partition(b";")[0].strip().lower()
