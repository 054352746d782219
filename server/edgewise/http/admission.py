"""Admission of a browser's or a server's call: the key and the origin are checked before the body is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from edgewise.http.auth import Authenticator, Caller
from edgewise.http.content import Format
from edgewise.http.decoding import decode_write_key
from edgewise.http.endpoint import HttpRequest

KeyReader: TypeAlias = Callable[[bytes, Format], str | None]
"""Reads the write key of a body, without decoding the rest."""


class BodyLimits(NamedTuple):
    """The largest body of a caller with a write key, and of one with the secret key, in bytes."""

    browser: int
    server: int

    @classmethod
    def at_most(cls, size: int, max_body: int) -> BodyLimits:
        """The same limit for both: `size`, unless the setting `max_body` is smaller."""
        return cls(min(size, max_body), min(size, max_body))


class Admission(NamedTuple):
    """An admitted call, with its undecoded body."""

    caller: Caller
    body: bytes
    format: Format


async def admit(
    auth: Authenticator, request: HttpRequest, limits: BodyLimits, read_key: KeyReader = decode_write_key
) -> Admission:
    """Read the body and authenticate the caller.

    Raises:
        RequestError: the key or the origin is wrong (401, 403), or the body is too large (413) or malformed (400, 415).
    """
    is_server = auth.has_secret_key(request.headers)
    body, format = await request.body(limits.server if is_server else limits.browser)
    return Admission(auth.authenticate(request.headers, read_key(body, format)), body, format)
