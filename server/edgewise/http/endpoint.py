"""A door: where a call comes in and its answer, or its error, goes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edgewise.http.auth import Gate
from edgewise.http.body import read_body
from edgewise.http.content import Format, answer_format, body_format
from edgewise.http.error_responses import error_answer, error_headers, request_error
from edgewise.http.responses import HeaderList, send_answer
from edgewise.visitors.browser import Browser, browser_of


class Call:
    """One request, and the way back to whoever sent it."""

    __slots__ = ("_receive", "headers", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.send = send
        self._receive = receive

    @property
    def opted_out(self) -> bool:
        """Whether the visitor's browser asks, for all sites, that nothing be kept of them (Global Privacy Control)."""
        return self.headers.get(b"sec-gpc") == b"1"

    @property
    def browser(self) -> Browser:
        """The browser that asks."""
        return browser_of(self.headers.get(b"user-agent"), self.headers.get(b"accept-language"))

    async def body(self, limit: int) -> tuple[bytes, Format]:
        """The body, and its format.

        Raises:
            RequestError: it is too large, cut short, or of an unknown format.
        """
        format = body_format(self.headers)
        return await read_body(self._receive, self.headers, limit), format

    async def answer(self, answer: Any, headers: HeaderList = (), status: int = 200) -> None:
        """Send the answer, in the format that is wanted."""
        await send_answer(self.send, status, answer, answer_format(self.headers), headers)


class Door(ABC):
    """An ASGI app for one path. Whatever it raises is answered as an error that the page that asked may read."""

    for_pages: ClassVar[bool] = False
    """Whether pages call here: then those of origins that are not allowed may read why, too."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, send)
        try:
            await self.open(call)
        except Exception as raised:  # noqa: BLE001  # This is where every exception ends.
            error = request_error(raised)
            origin = call.headers.get(b"origin")
            cors = self.gate.cors_of_error(origin) if self.for_pages else self.gate.cors(origin)
            await call.answer(error_answer(error), (*error_headers(error), *cors), error.status)

    @abstractmethod
    async def open(self, call: Call) -> None:
        """Answer the call."""


class Preflight(Door):
    """`OPTIONS`: a browser asks whether a page of some origin may call.

    Of other origins than the allowed ones too, as it would hide from them why they are refused. What they would then
    post as JSON they can post as plain text without asking, and the door looks at the origin itself. They may not send
    `Authorization`: the secret key is for servers, and no page elsewhere is to try one.
    """

    async def open(self, call: Call) -> None:
        origin = call.headers.get(b"origin")
        if origin is None:
            headers: HeaderList = (_VARY,)
        elif cors := self.gate.cors(origin):
            headers = (*cors, *_MAY)
        else:
            headers = (*self.gate.cors_of_error(origin), *_STRANGERS_MAY)
        await call.send({"type": "http.response.start", "status": 204, "headers": list(headers)})
        await call.send({"type": "http.response.body"})


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router refused: no such path, or not in this way."""
    refused = request_error(error)
    format = answer_format(dict(request.scope["headers"]))
    response = Response(format.encode(error_answer(refused)), refused.status, media_type=format.content_type.decode())
    response.headers.update(getattr(error, "headers", None) or {})
    return response


_VARY = (b"vary", b"Origin")
_MAY: HeaderList = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-encoding, content-type"),
    # Two hours, which is the most that Chromium heeds.
    (b"access-control-max-age", b"7200"),
)
_STRANGERS_MAY: HeaderList = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-encoding, content-type"),
    # And no age: they may be allowed any moment.
)
