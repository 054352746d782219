"""Segment's own Python client, configured only with another `host`, against a real server."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from gzip import compress
from typing import Any

import httpx
import pytest
from segment.analytics.client import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgewise.entries import Event, decode
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Store
from edgewise.types import BEGINNING, Digest, PolicyRef
from edgewise.visitors.identity import read_profile, read_redirect
from edgewise.visitors.profile import Profile
from tests.servers import BEARER, SECRET, Server, running, serve

NOW = datetime.now(UTC)
CONTEXT = {
    "active": True,
    "app": {"name": "Shop", "version": "5.4", "build": "3.0", "namespace": "com.example"},
    "campaign": {"name": "spring", "source": "newsletter", "medium": "email", "term": "shoes", "content": "a"},
    "device": {"id": "B5372DB0", "manufacturer": "Apple", "model": "iPhone7,2", "name": "maguro", "type": "ios"},
    "ip": "8.8.8.8",
    "library": {"name": "analytics-python", "version": "2"},
    "locale": "en-US",
    "location": {"city": "San Francisco", "country": "United States", "latitude": 40.2, "longitude": 7.0, "speed": 0},
    "network": {"bluetooth": False, "carrier": "T-Mobile", "cellular": True, "wifi": False},
    "os": {"name": "iPhone OS", "version": "8.1.3"},
    "page": {"path": "/a/", "referrer": "https://mail.example/", "search": "", "title": "A", "url": "https://s.ex/a/"},
    "referrer": {"id": "ABCD", "type": "dataxu"},
    "screen": {"width": 320, "height": 568, "density": 2},
    "groupId": "12345",
    "timezone": "Europe/Amsterdam",
    "traits": {"address": {"city": "Delft"}},
    "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 9_1 like Mac OS X)",
}
COMMON: dict[str, Any] = {"context": CONTEXT, "timestamp": NOW, "integrations": {"All": True, "Mixpanel": False}}


class FailingProxy:
    """A proxy that responds to the first requests itself, and forwards the others."""

    def __init__(self, port: int, *failures: Callable[[], Response]) -> None:
        self.failures = list(failures)
        self.requests: list[httpx.Headers] = []
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")
        self.app = Starlette(routes=[Route("/{path:path}", self.handle, methods=["POST"])])

    async def handle(self, request: Request) -> Response:
        self.requests.append(httpx.Headers(request.headers.raw))
        if self.failures:
            return self.failures.pop(0)()
        response = await self._client.post(request.url.path, content=await request.body(), headers=request.headers.raw)
        return Response(response.content, response.status_code, {"content-type": response.headers["content-type"]})

    async def close(self) -> None:
        await self._client.aclose()


class SegmentClient:
    """A client, and the errors of batches that it gave up."""

    def __init__(self, port: int, **options: Any) -> None:
        self.errors: list[Exception] = []
        self.client = Client(
            f"default:{SECRET}",
            host=f"http://127.0.0.1:{port}",
            on_error=lambda error, _: self.errors.append(error),
            upload_interval=0.05,
            **options,
        )

    async def flush(self) -> None:
        """Wait until everything is sent, while the server runs in this event loop."""
        await asyncio.to_thread(self.client.flush)
        await asyncio.to_thread(self.client.join)


@asynccontextmanager
async def failing_proxy(server: Server, *failures: Callable[[], Response]) -> AsyncIterator[tuple[FailingProxy, int]]:
    proxy = FailingProxy(server.port, *failures)
    try:
        async with running(proxy.app) as port:
            yield proxy, port
    finally:
        await proxy.close()


async def events(store: Store) -> list[Event]:
    ref = PolicyRef("default", "hero")
    page = (await store.log.read({ref: BEGINNING}, 1000))[ref]
    return [entry for _, raw in page.entries if isinstance(entry := decode(raw), Event)]


async def profile(store: Store, visitor: Digest) -> Profile:
    while (redirect := read_redirect(stored := await store.profiles.read("default", visitor))) is not None:
        visitor = redirect.to
    assert stored is not None
    return read_profile(stored)


@pytest.mark.parametrize("gzip", [True, False])
async def test_all_messages_with_all_fields_are_recorded(store: Store, store_url: str, gzip: bool) -> None:
    async with serve(store_url) as server:
        segment = SegmentClient(server.port, gzip=gzip, upload_size=4)
        client = segment.client
        client.page(
            None, "Shoes", "Red shoes", {"url": "https://s.ex/shoes", "path": "/shoes"}, anonymous_id="a", **COMMON
        )
        client.identify("u", {"email": "u@example.com", "plan": "pro", "age": 33}, anonymous_id="a", **COMMON)
        client.screen("u", "Store", "Front", {"feed": "private"}, **COMMON)
        client.group("u", "g", {"employees": 20}, **COMMON)
        client.alias("before", "u", context=CONTEXT, timestamp=NOW, integrations={"All": True})
        products = [
            {"product_id": "1", "sku": "s-1", "name": "Shoe", "price": 19.0, "quantity": 2, "category": "Shoes"}
        ]
        order = {"order_id": "o", "total": 45.5, "revenue": 38.0, "currency": "USD", "products": products}
        client.track("u", "Order Completed", order, anonymous_id="a", message_id="order-1", **COMMON)
        client.track("u", "Order Completed", order, anonymous_id="a", message_id="order-1", **COMMON)
        await segment.flush()
    assert segment.errors == []
    known = await profile(store, user_digest("u"))
    assert (known.orders, known.revenue, known.page_views) == (1, 38.0, 2)
    assert known.pages == {"Shoes": 1, "Store": 1}
    assert {name: value for name, (_, value) in known.traits.items()} == {
        "email": "u@example.com",
        "plan": "pro",
        "age": 33,
    }
    assert known.last_source is not None
    assert (known.last_source.source, known.last_source.campaign) == ("newsletter", "spring")
    assert (known.surroundings.device, known.surroundings.timezone) == ("mobile", "Europe/Amsterdam")
    (event,) = await events(store)
    assert {user_digest("u"), anonymous_digest("a"), anonymous_digest("before")} <= set(event.visitor)


async def test_client_retries_and_every_message_counts_once(store: Store, store_url: str) -> None:
    async with (
        serve(store_url) as server,
        failing_proxy(server, lambda: Response(status_code=503), lambda: Response(None, 429, {"Retry-After": "1"})) as (
            proxy,
            port,
        ),
    ):
        segment = SegmentClient(port, gzip=True)
        for number in range(20):
            segment.client.track("u", "Order Completed", {"revenue": 1}, message_id=f"m{number}")
        await segment.flush()
    assert segment.errors == []
    assert len(proxy.requests) >= 3
    assert all(headers["authorization"].startswith("Basic ") for headers in proxy.requests)
    assert len(await events(store)) == 20
    assert (await profile(store, user_digest("u"))).orders == 20


async def test_message_counts_once_after_a_lost_response(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        lost = await server.post(
            "/v1/batch",
            {"batch": [{"type": "track", "event": "Order Completed", "userId": "u", "messageId": "m1"}]},
            **BEARER,
        )
        assert lost.status_code == 200
        segment = SegmentClient(server.port)
        segment.client.track("u", "Order Completed", message_id="m1")
        await segment.flush()
    assert segment.errors == []
    assert len(await events(store)) == 1
    assert (await profile(store, user_digest("u"))).orders == 1


async def test_client_reports_a_wrong_key(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        segment = SegmentClient(server.port)
        for consumer in segment.client.consumers:
            consumer.write_key = "wrong"
        segment.client.track("u", "Order Completed")
        await segment.flush()
    (error,) = segment.errors
    assert getattr(error, "status", None) == 401


async def test_requests_of_segment_libraries_are_recorded(store: Store, store_url: str) -> None:
    """The bytes of analytics-python (gzip, Basic) and analytics.js (text/plain, short paths)."""
    common: dict[str, Any] = {
        "integrations": {},
        "context": {"library": {"name": "analytics-python", "version": "2.3.2"}, "userAgent": "Mozilla/5.0"},
        "timestamp": "2026-01-01T10:00:00.123456+00:00",
        "_metadata": {"bundled": []},
        "originalTimestamp": "2026-01-01T10:00:00.123Z",
    }
    python = {
        "batch": [
            {"type": "alias", "previousId": "old", "userId": "py", "messageId": "s3"} | common,
            {"type": "track", "event": "Order Completed", "userId": "py", "anonymousId": None, "messageId": "s1"}
            | common,
            {"type": "identify", "userId": "py", "traits": {"email": "x@example.com"}, "messageId": "s2"} | common,
            {"type": "group", "groupId": "g", "userId": "py", "messageId": "s4"} | common,
            {"type": "screen", "name": "Home", "category": None, "userId": "py", "messageId": "s5"} | common,
        ],
        "sentAt": "2026-01-01T10:00:00.200000",
    }
    basic = base64.b64encode(f"default:{SECRET}:".encode()).decode()
    browser = {"anonymousId": "js", "event": "Viewed", "messageId": "ajs-1", "writeKey": "default"} | common
    async with serve(store_url) as server:
        of_python = await server.client.post(
            "/v1/batch",
            content=compress(json.dumps(python).encode()),
            headers={"authorization": f"Basic {basic}", "content-encoding": "gzip", "content-type": "application/json"},
        )
        assert of_python.json() == {"success": True, "accepted": 5, "rejected": []}
        of_browser = await server.client.post(
            "/v1/t",
            content=json.dumps(browser | {"sentAt": "2026-01-01T10:00:00.300Z"}),
            headers={"content-type": "text/plain"},
        )
        assert of_browser.json() == {"success": True, "accepted": 1, "rejected": []}
    (order,) = await events(store)
    assert order.age == 77
    assert {user_digest("py"), user_digest("old"), anonymous_digest("old")} <= set(order.visitor)
