"""HTTP/1.1 on one connection: uvicorn's protocol, with limits on headers, on waiting and on connections."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any, NamedTuple

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from edgewise.http import metrics
from edgewise.http.connections import Connections
from edgewise.http.content import JSON
from edgewise.http.responses import ErrorInfo, ErrorResponse

MAX_HEADERS = 32 * 1024
"""The bytes of the address and all headers together. All that a chunked body has beside its content counts too."""

MAX_PIPELINED = 8
"""The most requests that wait on a connection for the responses to the requests before them."""

HEADER_SECONDS = 10.0
"""From the first byte of a request to the end of its headers. A new connection has the same time."""

BODY_SECONDS = 15.0
"""From the end of the headers to the end of the body."""

WRITE_SECONDS = 30.0
"""For a client to read a response."""

LINGER_SECONDS = 2.0
"""Between an error and the end of the connection. Without it, the system could discard the error."""

_MAX_DISCARDED = 1 << 20
"""Bytes that are read of a request after its error."""

_NEVER = float("inf")

_OF_UPGRADES = (b"upgrade", b"http2-settings")
"""The headers of an offer to change the protocol, and their names in the Connection header."""


class Refusal(NamedTuple):
    """An error that has no endpoint, because the request has no complete headers."""

    status: int
    code: str
    message: str

    def encode(self) -> bytes:
        """The whole response. Pages of any origin may read it, as all errors."""
        body = JSON.encode(ErrorResponse(ErrorInfo(self.code, self.message)))
        headers = (
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"cache-control: no-store",
            b"access-control-allow-origin: *",
            b"connection: close",
        )
        return STATUS_LINE[self.status] + b"\r\n".join(headers) + b"\r\n\r\n" + body


MALFORMED = Refusal(400, "malformed_request", "Malformed HTTP request. Send HTTP/1.1.")
TOO_SLOW = Refusal(408, "request_too_slow", "Received only a part of the request in time. Send the request again.")
HEADERS_TOO_LARGE = Refusal(
    431,
    "headers_too_large",
    f"Expected an address and headers of at most {MAX_HEADERS} bytes together, found more. Send fewer cookies.",
)
TOO_MANY_CONNECTIONS = Refusal(503, "too_many_connections", "Too many connections. Send the request again later.")


class _RefusedRequest(Exception):
    """Ends the parsing."""


class HttpProtocol(HttpToolsProtocol):
    """One of the open connections of a worker."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        open_connections: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.source = ""
        self.deadline = _NEVER
        self._open_connections = open_connections
        self._unfinished: deque[RequestResponseCycle] = deque()
        self._refusal: Refusal | None = None
        self._is_refused = False
        self._is_receiving = self._has_headers = self._has_more_body = self._has_time_limit = self._is_long = False
        self._header_bytes = self._discarded_bytes = 0
        self._is_upgrade = False
        self._upgrade_end: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn.
        super().connection_made(transport)
        self.source = self._open_connections.source_of(self.client[0] if self.client else None)
        if self._open_connections.add(self):
            self._wait(HEADER_SECONDS)
        else:
            self._is_refused = True
            transport.write(TOO_MANY_CONNECTIONS.encode())
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_connections.remove(self)
        self._disconnect()
        super().connection_lost(exc)

    def evict(self) -> None:
        self.transport.abort()

    def expire(self) -> None:
        is_unread = self.transport.get_write_buffer_size() > 0
        if is_unread or self._is_receiving:
            metrics.count_closed_connections("slow")
        if is_unread or self._is_refused or self.transport.is_closing():
            self.transport.abort()
        elif self._is_receiving:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._is_refused or len(data) > MAX_HEADERS:
            self._receive_pieces(data)
        else:
            super().data_received(data)
            if self._is_receiving:
                self._expect_more(data)

    def _receive_pieces(self, data: bytes) -> None:
        """The parser keeps an incomplete header, so it gets no more than it needs to find one that is too large."""
        self._is_long = True
        for start in range(0, len(data), MAX_HEADERS):
            if self._is_refused:
                self._discard(len(data) - start)
                return
            piece = data[start : start + MAX_HEADERS]
            super().data_received(piece)
            if self._is_receiving:
                self._expect_more(piece)

    def _expect_more(self, received: bytes) -> None:
        """Limit the time and the headers of a request that is incomplete after more bytes were received."""
        if self._upgrade_end is not None:
            self._parse_without_upgrade(received[self._upgrade_end :])
            return
        if self._is_refused:
            return
        self._is_long = True
        if not self._has_time_limit:
            self._has_time_limit = True
            if self._has_headers:
                self._wait(BODY_SECONDS)
            elif self.cycle is not None:  # The time of the first request runs since the connection was made.
                self._wait(HEADER_SECONDS)
        if not self._has_more_body:
            self._header_bytes += len(received)
            if self._header_bytes > MAX_HEADERS:
                self._refuse(HEADERS_TOO_LARGE)
        self._has_more_body = False

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or MALFORMED)

    def on_message_begin(self) -> None:
        if len(self._unfinished) > MAX_PIPELINED:
            raise _RefusedRequest
        super().on_message_begin()
        self._is_receiving = True
        self._has_headers = self._has_more_body = self._has_time_limit = False
        self._header_bytes = 0

    def on_headers_complete(self) -> None:
        if self._is_long and _size(self.url, self.headers) > MAX_HEADERS:
            self._refusal = HEADERS_TOO_LARGE
            raise _RefusedRequest
        super().on_headers_complete()
        if self._is_upgrade:
            return
        self._has_headers, self._has_time_limit = True, False
        self._unfinished.append(self.cycle)
        self.headers = []  # For trailers, which must not change the headers of the request.

    def on_body(self, body: bytes) -> None:
        self._has_more_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._is_upgrade:
            return
        self._is_receiving = False
        if self._unfinished:
            self.deadline = _NEVER
        else:  # The response was sent before the end of the body.
            self._wait(self.timeout_keep_alive)

    def _should_upgrade(self) -> bool:
        """Uvicorn calls this for a request with an offer to change the protocol. It then leaves the request alone."""
        self._is_upgrade = True
        return True

    def handle_websocket_upgrade(self) -> None:
        """Note the end of the headers. Uvicorn calls this while it handles the parser's exception."""
        upgrade = sys.exc_info()[1]
        assert isinstance(upgrade, httptools.HttpParserUpgrade)
        self._upgrade_end = upgrade.args[0]

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Parse a request again without its offer to change the protocol. `rest` is what follows its headers.

        The parser skips the body of a request with such an offer. Clients that speak HTTP/2 make the offer with any
        request, and expect that the server ignores it.
        """
        self._is_upgrade, self._upgrade_end = False, None
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(MALFORMED)
            return
        version = self.parser.get_http_version().encode()
        head = [b"%b %b HTTP/%b" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                options = [option for option in value.split(b",") if option.strip().lower() not in _OF_UPGRADES]
                head.append(b"connection: " + b",".join(options))
            elif name not in _OF_UPGRADES:
                head.append(b"%b: %b" % (name, value))
        self._is_receiving = False
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join((*head, b"", rest)))

    def on_response_complete(self) -> None:
        self._unfinished.popleft()
        super().on_response_complete()
        if not self._unfinished and not self._is_receiving:
            self._wait(WRITE_SECONDS)  # An idle connection is closed by uvicorn, earlier.

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(WRITE_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unfinished and not self._is_receiving:
            self.deadline = _NEVER

    def _wait(self, seconds: float) -> None:
        """Give the client so much time."""
        self.deadline = self._open_connections.now + seconds

    def _refuse(self, refusal: Refusal) -> None:
        """Respond with an error and close the connection, or only close it if another response must come first."""
        self._is_refused = True
        if refusal is HEADERS_TOO_LARGE:
            metrics.count_closed_connections("headers")
        if self._is_receiving and self._has_headers:
            may_respond = [*self._unfinished] == [self.cycle] and not self.cycle.response_started
        else:
            may_respond = not self._unfinished
        self._disconnect()
        self._wait(LINGER_SECONDS)
        if may_respond and not self.transport.is_closing():
            self.transport.write(refusal.encode())
            # The rest of the request is still read, or the system could reset the connection before the error arrives.
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()

    def _disconnect(self) -> None:
        """End the requests that have no response yet."""
        for cycle in self._unfinished:
            cycle.disconnected = True
            cycle.message_event.set()

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > _MAX_DISCARDED:
            self.transport.abort()


def _size(address: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(address) + sum(len(name) + len(value) + 4 for name, value in headers)
