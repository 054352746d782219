"""An endpoint: the ASGI app of one path, from the request to its response or error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from starlette.types import Receive, Scope, Send

from edgewise.errors import RequestError
from edgewise.http.auth import Authenticator
from edgewise.http.content import Format, read_body, request_format, response_format
from edgewise.http.error_responses import error_headers, to_error_response, to_request_error
from edgewise.http.responses import HeaderList, send_response
from edgewise.visitors.browser import Browser, read_browser


class HttpRequest:
    """A request, and the means to respond to it."""

    __slots__ = ("_receive", "headers", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.send = send
        self._receive = receive

    @property
    def is_opted_out(self) -> bool:
        """Whether the browser sends Global Privacy Control."""
        return self.headers.get(b"sec-gpc") == b"1"

    @property
    def browser(self) -> Browser:
        return read_browser(self.headers.get(b"user-agent"), self.headers.get(b"accept-language"))

    async def body(self, limit: int) -> tuple[bytes, Format]:
        """The body, of at most `limit` bytes, and its format.

        Raises:
            RequestError: the body is too large, incomplete, or in an unsupported format.
        """
        format = request_format(self.headers)
        return await read_body(self._receive, self.headers, limit), format

    async def respond(self, response: Any, headers: HeaderList = (), status: int = 200) -> None:
        """Send a response, in the format that the client accepts."""
        await send_response(self.send, status, response, response_format(self.headers), headers)


class Endpoint(ABC):
    """Handles requests. Every exception becomes an error response."""

    for_browsers: ClassVar[bool] = False
    """Whether pages call it. Then pages of every origin may read its errors."""

    def __init__(self, auth: Authenticator) -> None:
        self.auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive, send)
        try:
            await self.handle(request)
        except Exception as exception:  # noqa: BLE001  # Any exception must become a response.
            await self._respond_with_error(request, to_request_error(exception))

    async def _respond_with_error(self, request: HttpRequest, error: RequestError) -> None:
        # A method of its own, because a variable of __call__ with the error would make a cycle with its traceback. The
        # bodies that the traceback leads to would stay until the next collection of garbage.
        origin = request.headers.get(b"origin")
        cors = self.auth.cors.error_headers(origin) if self.for_browsers else self.auth.cors.headers(origin)
        await request.respond(to_error_response(error), (*error_headers(error), *cors), error.status)

    @abstractmethod
    async def handle(self, request: HttpRequest) -> None:
        """Respond to a request.

        Raises:
            RequestError: the request is wrong.
            StoreError: the store did not answer.
        """
