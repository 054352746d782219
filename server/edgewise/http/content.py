"""The formats that bodies come in and answers go out in: JSON and MessagePack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from edgewise.errors import RequestError

Headers: TypeAlias = Mapping[bytes, bytes]
"""A request's headers, by their names in lower case."""


class Format(NamedTuple):
    """One format."""

    name: Literal["json", "msgpack"]
    content_type: bytes
    encode: Callable[[Any], bytes]


JSON = Format("json", b"application/json", msgspec.json.Encoder(decimal_format="number").encode)
MSGPACK = Format("msgpack", b"application/msgpack", msgspec.msgpack.Encoder().encode)

_FORMATS: Mapping[bytes, Format] = {
    b"application/json": JSON,
    # Browsers send it without asking first (no preflight).
    b"text/plain": JSON,
    b"application/msgpack": MSGPACK,
    b"application/x-msgpack": MSGPACK,
    b"application/vnd.msgpack": MSGPACK,
}


def body_format(headers: Headers) -> Format:
    """The format of a request's body; JSON where it does not say.

    Raises:
        RequestError: 415, it is another one.
    """
    content_type = headers.get(b"content-type")
    if not content_type:
        return JSON
    found = _FORMATS.get(content_type) or _format_named(content_type)
    if found is None:
        raise RequestError(
            415,
            "unsupported_media_type",
            f"Content-Type: found {content_type[:100].decode('latin-1')!r}, expected application/json, text/plain "
            "(holding JSON) or application/msgpack",
        )
    return found


def answer_format(headers: Headers) -> Format:
    """The format of the answer: the first one that Accept names; where it names none, that of the request's body."""
    return _answer_format(headers.get(b"accept", b""), headers.get(b"content-type", b""))


@lru_cache(maxsize=256)
def _answer_format(accept: bytes, content_type: bytes) -> Format:
    for accepted in accept.split(b","):
        media_type = _media_type(accepted)
        if media_type in _FORMATS and media_type != b"text/plain":
            return _FORMATS[media_type]
    return _FORMATS.get(_media_type(content_type), JSON)


@lru_cache(maxsize=256)
def _format_named(content_type: bytes) -> Format | None:
    return _FORMATS.get(_media_type(content_type))


def _media_type(value: bytes) -> bytes:
    return value.partition(b";")[0].strip().lower()
