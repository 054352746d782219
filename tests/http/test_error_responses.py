"""Every error of every endpoint has one shape, and a message in plain English."""

from __future__ import annotations

import logging
from typing import Any, get_args

import httpx
import pytest

from edgewise import __version__
from edgewise.events.recorder import Recorder
from edgewise.visitors.message import Kind
from tests.http.error_shape import assert_error
from tests.servers import BEARER, Server, serve
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

POSTS = ("/v1/decide", "/v1/batch", "/v1/b", *(f"/v1/{kind}" for kind in get_args(Kind)))
POLICIES = ("/v1/policies", "/v1/policies/hero")
FOR_SERVERS = (
    *(("GET", path) for path in POLICIES),
    *((method, "/v1/profiles/v1") for method in ("GET", "PUT", "DELETE")),
    ("POST", "/v1/previews"),
)
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json")
ACCEPTABLE = {"placements": ["hero"], "batch": [], "event": "Viewed", "anonymousId": "v"}
SECRETS = ("wrong key", "a secret key")

WRONG_BODIES: list[tuple[int, str, dict[str, Any]]] = [
    (400, "malformed_body", {"content": b"{"}),
    (400, "invalid_request", {"content": b"[]"}),
    (400, "body_cut_short", {"content": b"", "headers": {"content-encoding": "gzip"}}),
    (413, "body_too_large", {"content": b" " * ((4 << 20) + 1)}),
    (415, "unsupported_media_type", {"content": b"<x/>", "headers": {"content-type": "application/xml"}}),
    (415, "unsupported_encoding", {"content": b"x", "headers": {"content-encoding": "br"}}),
]


def assert_one_shape(response: httpx.Response, status: int, code: str) -> None:
    assert response.headers["content-type"] == "application/json"
    assert_error(response, status, code)
    assert not any(secret in response.text for secret in SECRETS)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("status", "code", "request_"),
    [
        *WRONG_BODIES,
        (401, "unauthorized", {"json": ACCEPTABLE}),
        (401, "unauthorized", {"json": ACCEPTABLE | {"writeKey": "wrong key"}}),
        (401, "unauthorized", {"json": ACCEPTABLE, "auth": ("wrong key", "")}),
        (401, "unauthorized", {"json": ACCEPTABLE, "headers": {"authorization": "Bearer wrong key"}}),
        (401, "unauthorized", {"json": ACCEPTABLE, "headers": {"authorization": "Basic ?"}}),
        (401, "unauthorized", {"json": ACCEPTABLE | {"writeKey": "wrong key"}, "headers": BEARER}),
        (
            403,
            "origin_not_allowed",
            {"json": ACCEPTABLE | {"writeKey": "default"}, "headers": {"origin": "https://evil.example"}},
        ),
        (403, "origin_not_allowed", {"json": ACCEPTABLE | {"writeKey": "default"}, "headers": {"origin": "null"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_errors_of_posts(server: Server, path: str, status: int, code: str, request_: dict[str, Any]) -> None:
    assert_one_shape(await server.client.post(path, **request_), status, code)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/profiles/v1"), ("POST", "/v1/previews")])
@pytest.mark.parametrize(("status", "code", "request_"), WRONG_BODIES, ids=lambda value: str(value)[:20])
async def test_errors_of_bodies_of_servers(
    server: Server, method: str, path: str, status: int, code: str, request_: dict[str, Any]
) -> None:
    headers = BEARER | request_.get("headers", {})
    response = await server.client.request(method, path, content=request_["content"], headers=headers)
    assert_one_shape(response, status, code)


@pytest.mark.parametrize(("method", "path"), FOR_SERVERS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong key"}, {"authorization": "Basic ZGVmYXVsdDo="}, {"authorization": "Bearer"}],
    ids=["none", "wrong", "basic", "empty"],
)
async def test_secret_key_is_required(server: Server, method: str, path: str, headers: dict[str, str]) -> None:
    response = await server.client.request(method, path, headers=headers)
    assert_one_shape(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == 'Bearer realm="edgewise"'


@pytest.mark.parametrize("path", ["/", "/nowhere", "/v1", "/v1/decide/", "/v1/policies/a/b", "/%00", "/" + "é" * 300])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_path(server: Server, method: str, path: str) -> None:
    response = await server.client.request(method, path)
    assert_one_shape(response, 404, "not_found")
    assert response.json()["error"]["message"].endswith(" See /openapi.json.")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/policies/nope", 404, "not_found"),
        ("/v1/policies?site=nope", 404, "not_found"),
        ("/v1/policies/hero?site=nope", 404, "not_found"),
        ("/v1/profiles/nobody", 404, "not_found"),
        ("/v1/profiles/nobody?site=nope", 404, "not_found"),
        ("/v1/profiles/", 400, "invalid_request"),
        ("/v1/profiles/%ff", 400, "invalid_request"),
        ("/v1/profiles/" + "x" * 257, 400, "invalid_request"),
        ("/edgewise-nope.js", 404, "not_found"),
        ("/edgewise-debug.js", 400, "invalid_preview"),
        ("/sdk/0.0.0/edgewise.js", 404, "not_found"),
        (f"/sdk/{__version__}/nope.js", 404, "not_found"),
    ],
)
async def test_errors_of_gets(server: Server, path: str, status: int, code: str) -> None:
    assert_one_shape(await server.client.get(path, headers=BEARER), status, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", path) for path in POSTS]
    + [("DELETE", "/v1/decide")]
    + [("POST", path) for path in (*POLICIES, *OPEN)]
    + [("OPTIONS", path) for path in POLICIES],
)
async def test_method_not_allowed(server: Server, method: str, path: str) -> None:
    response = await server.client.request(method, path, headers=BEARER)
    assert_one_shape(response, 405, "method_not_allowed")
    assert response.headers["allow"] in ("POST", "GET", "GET, HEAD", "HEAD, GET")
    allowed = "POST" if path in POSTS else "GET or HEAD"
    assert response.json()["error"]["message"] == f"Method not allowed. Use {allowed}."


async def test_error_lists_all_allowed_methods(server: Server) -> None:
    response = await server.client.post("/v1/profiles/v1", headers=BEARER)
    assert response.json()["error"]["message"] == "Method not allowed. Use DELETE, GET, HEAD or PUT."


async def test_batch_of_too_many_messages(server: Server) -> None:
    assert_one_shape(await server.post("/v1/batch", {"batch": [{}] * 501}), 413, "batch_too_large")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"placement": "nope", "action": "deal"}, 404, "not_found"),
        ({"placement": "hero", "action": "nope"}, 404, "not_found"),
        ({"placement": "hero"}, 400, "invalid_request"),
        ({"action": "deal"}, 400, "invalid_request"),
        ({"debug": True, "action": "deal"}, 400, "invalid_request"),
        ({"placement": "hero", "action": "deal", "validSeconds": 0}, 400, "invalid_request"),
        ({"placement": "hero", "action": "deal", "writeKey": "wrong key"}, 401, "unauthorized"),
    ],
)
async def test_errors_of_previews(server: Server, body: dict[str, Any], status: int, code: str) -> None:
    assert_one_shape(await server.client.post("/v1/previews", json=body, headers=BEARER), status, code)


async def test_error_has_the_accepted_format(server: Server) -> None:
    headers = {"accept": "application/msgpack"}
    for response, status, code in (
        (await server.client.post("/v1/decide", content=b"{", headers=headers), 400, "malformed_body"),
        (await server.client.get("/nowhere", headers=headers), 404, "not_found"),
    ):
        assert response.headers["content-type"] == "application/msgpack"
        assert_error(response, status, code)


async def test_unexpected_exception_is_logged_without_the_request(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise KeyError("jane@example.com")

    monkeypatch.setattr(Recorder, "record", fail)
    with caplog.at_level(logging.DEBUG):
        response = await server.post("/v1/page", {"userId": "jane@example.com"})
    assert_one_shape(response, 500, "internal_error")
    assert "jane@example.com" not in response.text + caplog.text
    assert "KeyError" in caplog.text
    assert "test_error_responses.py" in caplog.text


async def test_store_failure(store_url: str, valkey: Valkey) -> None:
    message = {"type": "track", "event": "Order Completed", "anonymousId": "v"}
    async with serve(store_url) as server:
        valkey.kill()
        try:
            posts = [await server.post(path, message | {"batch": [message]}) for path in ("/v1/batch", "/v1/track")]
            policies = [await server.get(path, **BEARER) for path in POLICIES]
            readiness = await server.get("/readyz")
        finally:
            valkey.restart()
    for response in (*posts, *policies):
        assert_one_shape(response, 503, "store_unavailable")
    assert_one_shape(readiness, 503, "not_ready")
    for response in (*posts, *policies, readiness):
        assert int(response.headers["retry-after"]) >= 1
        assert store_url not in response.text
