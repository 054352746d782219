"""Every error of every endpoint has one shape."""

from __future__ import annotations

import logging
from typing import Any, get_args

import httpx
import msgspec
import pytest

from edgewise.decisions.service import DecisionService
from edgewise.visitors.message import Kind
from tests.servers import BEARER, Server, serve
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

POSTS = ("/v1/decide", "/v1/batch", "/v1/b", *(f"/v1/{kind}" for kind in get_args(Kind)))
REPORTS = ("/v1/policies", "/v1/policies/hero")
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json")
ACCEPTABLE = {"placements": ["hero"], "batch": [], "event": "Viewed", "anonymousId": "v"}
SECRETS = ("wrong key", "a secret key")


def assert_one_shape(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"error"}
    error = body["error"]
    assert error.keys() == {"code", "message", "details"}
    assert error["code"] == code
    assert len(error["message"]) > 10
    assert not any(secret in answer.text for secret in SECRETS)
    for detail in error["details"]:
        assert detail.keys() == {"path", "message"}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("status", "code", "request_"),
    [
        (400, "malformed_body", {"content": b"{"}),
        (400, "invalid_request", {"content": b"[]"}),
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
        (413, "body_too_large", {"content": b" " * ((4 << 20) + 1)}),
        (415, "unsupported_media_type", {"content": b"<x/>", "headers": {"content-type": "application/xml"}}),
        (415, "unsupported_encoding", {"content": b"x", "headers": {"content-encoding": "br"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_errors_of_posts(server: Server, path: str, status: int, code: str, request_: dict[str, Any]) -> None:
    assert_one_shape(await server.client.post(path, **request_), status, code)


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong key"}, {"authorization": "Basic ZGVmYXVsdDo="}, {"authorization": "Bearer"}],
    ids=["none", "wrong", "basic", "empty"],
)
async def test_policies_need_the_secret_key(server: Server, path: str, headers: dict[str, str]) -> None:
    answer = await server.client.get(path, headers=headers)
    assert_one_shape(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="edgewise"'


@pytest.mark.parametrize("path", ["/", "/nowhere", "/v1", "/v1/decide/", "/v1/policies/a/b", "/%00"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_path(server: Server, method: str, path: str) -> None:
    assert_one_shape(await server.client.request(method, path), 404, "not_found")


@pytest.mark.parametrize("path", ["/v1/policies/nope", "/v1/policies?site=nope", "/v1/policies/hero?site=nope"])
async def test_unknown_policy_or_site(server: Server, path: str) -> None:
    assert_one_shape(await server.client.get(path, headers=BEARER), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", path) for path in POSTS]
    + [("DELETE", "/v1/decide")]
    + [("POST", path) for path in (*REPORTS, *OPEN)]
    + [("OPTIONS", path) for path in REPORTS],
)
async def test_method_not_allowed(server: Server, method: str, path: str) -> None:
    answer = await server.client.request(method, path, headers=BEARER)
    assert_one_shape(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] in ("POST", "GET", "GET, HEAD", "HEAD, GET")


async def test_error_has_the_accepted_format(server: Server) -> None:
    headers = {"accept": "application/msgpack"}
    for answer in (
        await server.client.post("/v1/decide", content=b"{", headers=headers),
        await server.client.get("/nowhere", headers=headers),
    ):
        assert answer.headers["content-type"] == "application/msgpack"
        assert msgspec.msgpack.decode(answer.content)["error"].keys() == {"code", "message", "details"}


async def test_unexpected_exception_is_logged_without_the_request(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise KeyError("jane@example.com")

    monkeypatch.setattr(DecisionService, "decide", fail)
    with caplog.at_level(logging.DEBUG):
        answer = await server.post("/v1/decide", {"placements": ["hero"], "userId": "jane@example.com"})
    assert_one_shape(answer, 500, "internal_error")
    assert "jane@example.com" not in answer.text + caplog.text
    assert "KeyError" in caplog.text
    assert "test_error_responses.py" in caplog.text


async def test_store_failure(store_url: str, valkey: Valkey) -> None:
    message = {"type": "track", "event": "Order Completed", "anonymousId": "v"}
    async with serve(store_url) as server:
        valkey.kill()
        try:
            posts = [await server.post(path, message | {"batch": [message]}) for path in ("/v1/batch", "/v1/track")]
            reports = [await server.get(path, **BEARER) for path in REPORTS]
            readiness = await server.get("/readyz")
        finally:
            valkey.restart()
    for answer in (*posts, *reports):
        assert_one_shape(answer, 503, "store_unavailable")
    assert_one_shape(readiness, 503, "not_ready")
    for answer in (*posts, *reports, readiness):
        assert int(answer.headers["retry-after"]) >= 1
        assert store_url not in answer.text
