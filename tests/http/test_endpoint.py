from __future__ import annotations

import gc
import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from starlette.types import Message

from edgewise.errors import EdgewiseError, RequestError, StoreUnavailable
from edgewise.http.auth import Authenticator
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.responses import StatusResponse
from edgewise.serving.served_site import ServedSite

ORIGIN = (b"origin", b"https://unknown.example")


class NoSites:
    sites: Mapping[str, ServedSite] = MappingProxyType({})


class Alive(Endpoint):
    async def handle(self, request: HttpRequest) -> None:
        await request.respond(StatusResponse("alive"), [(b"x-one", b"1")], status=202)


class Failing(Endpoint):
    def __init__(self, error: Exception) -> None:
        super().__init__(Authenticator(NoSites(), "secret"))
        self._error = error

    async def handle(self, request: HttpRequest) -> None:
        raise self._error


class FailingForBrowsers(Failing):
    for_browsers = True


async def call(endpoint: Endpoint, *headers: tuple[bytes, bytes]) -> tuple[int, dict[bytes, bytes], Any]:
    """Status, headers and decoded body of the response."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        raise AssertionError("The endpoint needs no body.")

    await endpoint({"type": "http", "headers": list(headers)}, receive, send)
    start, body = messages
    found = dict(start["headers"])
    decode = msgspec.msgpack.decode if found[b"content-type"] == b"application/msgpack" else msgspec.json.decode
    return start["status"], found, decode(body["body"])


async def test_response_has_status_headers_and_the_accepted_format() -> None:
    endpoint = Alive(Authenticator(NoSites(), "secret"))
    status, headers, body = await call(endpoint, (b"accept", b"application/msgpack"))
    assert (status, body) == (202, {"status": "alive"})
    assert (headers[b"content-type"], headers[b"x-one"]) == (b"application/msgpack", b"1")
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestError(418, "teapot", "This is a teapot."), 418, "teapot"),
        (StoreUnavailable("The store is gone."), 503, "store_unavailable"),
        (EdgewiseError("This is unexpected."), 500, "internal_error"),
        (ZeroDivisionError(), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_exception_becomes_an_error_response(error: Exception, status: int, code: str) -> None:
    found, _, body = await call(Failing(error))
    assert (found, body["error"]["code"]) == (status, code)


async def test_pages_of_every_origin_read_errors_only_of_endpoints_for_browsers() -> None:
    error = RequestError(418, "teapot", "This is a teapot.")
    _, of_servers, _ = await call(Failing(error), ORIGIN)
    _, for_browsers, _ = await call(FailingForBrowsers(error), ORIGIN)
    assert b"access-control-allow-origin" not in of_servers
    assert for_browsers[b"access-control-allow-origin"] == b"*"


@pytest.mark.parametrize(("value", "is_opted_out"), [(b"1", True), (b"0", False), (b"", False), (None, False)])
def test_global_privacy_control_opts_out(value: bytes | None, is_opted_out: bool) -> None:
    headers = [] if value is None else [(b"sec-gpc", value)]
    request = HttpRequest({"type": "http", "headers": headers}, None, None)  # type: ignore[arg-type]
    assert request.is_opted_out is is_opted_out


class Body:
    """An object in place of the bytes of a body, because Python has no weak references to bytes."""


class Refusing(Endpoint):
    def __init__(self) -> None:
        super().__init__(Authenticator(NoSites(), "secret"))
        self.body: weakref.ref[Body] | None = None

    async def handle(self, request: HttpRequest) -> None:
        body = Body()
        self.body = weakref.ref(body)
        raise RequestError(413, "body_too_large", f"body: Found {body}.")


async def test_refused_body_is_freed_without_a_collection_of_garbage() -> None:
    endpoint = Refusing()
    gc.disable()
    try:
        await call(endpoint)
        assert endpoint.body is not None
        assert endpoint.body() is None
    finally:
        gc.enable()
