from __future__ import annotations

import logging

import pytest

from edgewise.http import origin_log
from edgewise.http.cors import SERVE_FILES
from tests.servers import BEARER, HERO, Server, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = {"placements": ["hero"]}
WITH_KEY = BODY | {"writeKey": "default"}
SHOP = "https://shop.example"
STRANGER = "https://www.shop.example:8443"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,authorization"}


def site(origins: str) -> dict[str, str]:
    return {"hero.toml": HERO, "site.toml": f"origins = {origins}"}


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("http://localhost", True),
        ("http://localhost:3000", True),
        ("https://127.0.0.1:8443", True),
        ("http://[::1]:8080", True),
        ("http://shop.localhost:3000", True),
        ("https://shop.example", False),
        ("http://localhost.evil.example", False),
        ("http://evil.example#localhost", False),
        ("http://evil.example@localhost", False),
        ("http://localhost/path", False),
        ("http://127.evil.example", False),
        ("http://notlocalhost", False),
        ("ftp://localhost", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
async def test_site_without_origins_allows_pages_on_the_same_machine(
    server: Server, origin: str, is_allowed: bool
) -> None:
    response = await server.client.post("/v1/decide", json=WITH_KEY, headers={"origin": origin})
    assert response.status_code == (200 if is_allowed else 403)
    assert response.headers["access-control-allow-origin"] == (origin if is_allowed else "*")


async def test_site_with_origins_allows_only_those(store_url: str) -> None:
    async with serve(store_url, site(f'["{SHOP}", "https://other.example:8443"]')) as server:
        for origin, status in (
            (SHOP, 200),
            ("https://other.example:8443", 200),
            ("http://shop.example", 403),
            ("https://shop.example:444", 403),
            ("https://www.shop.example", 403),
            ("https://shop.example.evil.example", 403),
            ("http://localhost", 403),
        ):
            response = await server.client.post("/v1/decide", json=WITH_KEY, headers={"origin": origin})
            assert (origin, response.status_code) == (origin, status)


async def test_star_allows_every_origin(store_url: str) -> None:
    async with serve(store_url, site('["*"]')) as server:
        response = await server.client.post("/v1/decide", json=WITH_KEY, headers={"origin": "https://any.example"})
    assert response.headers["access-control-allow-origin"] == "https://any.example"


@pytest.mark.parametrize(
    ("origins", "origin", "advice"),
    [
        ("[]", SHOP, f'To allow it, add `origins = ["{SHOP}"]` to site.toml, above the first table.'),
        ('["https://a.example"]', SHOP, f'To allow it, extend the list in site.toml: `origins = [..., "{SHOP}"]`.'),
        ("[]", "null", f'{SERVE_FILES} Only `origins = ["*"]` in site.toml allows pages without a web origin.'),
    ],
)
async def test_error_of_a_refused_origin_has_the_line_for_site_toml(
    store_url: str, origins: str, origin: str, advice: str
) -> None:
    async with serve(store_url, site(origins)) as server:
        response = await server.client.post("/v1/decide", json=WITH_KEY, headers={"origin": origin})
    message = response.json()["error"]["message"]
    assert message.startswith("Origin: Site 'default' does not allow ")
    assert message.endswith(advice)
    assert "a.example" not in message, "a site's other origins are not shown to strangers"


async def test_log_of_a_refused_origin_has_the_line_for_site_toml_once(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        for _ in range(3):
            await server.client.post("/v1/decide", json=WITH_KEY, headers={"origin": STRANGER})
            await server.client.post("/v1/batch", json=WITH_KEY | {"batch": []}, headers={"origin": STRANGER})
    (record,) = [record for record in caplog.records if record.name == origin_log.__name__]
    assert record.levelno == logging.WARNING
    _, line = record.getMessage().rsplit(": ", 1)
    assert line == f'origins = ["{SHOP}", "{STRANGER}"]'
    caplog.clear()
    async with serve(store_url, {"hero.toml": HERO, "site.toml": line}) as server:
        response = await server.client.post("/v1/decide", json=WITH_KEY, headers={"origin": STRANGER})
    assert response.status_code == 200
    assert not [record for record in caplog.records if record.name == origin_log.__name__]


async def test_preflight_allows_requests_of_an_allowed_origin(store_url: str) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        for path in ("/v1/batch", "/v1/b", "/v1/track", "/v1/t", "/v1/group", "/v1/decide"):
            response = await server.client.options(path, headers=PREFLIGHT | {"origin": SHOP})
            assert (path, response.status_code) == (path, 204)
    assert response.content == b""
    assert response.headers["access-control-allow-origin"] == SHOP
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-allow-methods"] == "POST"
    assert {"content-type", "authorization"} <= set(response.headers["access-control-allow-headers"].split(", "))
    assert response.headers["access-control-max-age"] == "7200"
    assert response.headers["vary"] == "Origin"


async def test_preflight_without_an_origin_only_varies(server: Server) -> None:
    response = await server.client.options("/v1/decide")
    assert (response.status_code, response.headers["vary"]) == (204, "Origin")
    assert "access-control-allow-origin" not in response.headers


async def test_page_of_a_refused_origin_can_read_the_error(store_url: str) -> None:
    body = WITH_KEY | {"batch": [], "event": "Viewed", "anonymousId": "v"}
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        for path in ("/v1/decide", "/v1/batch", "/v1/track", "/v1/t"):
            preflight = await server.client.options(path, headers=PREFLIGHT | {"origin": STRANGER})
            refused = await server.client.post(path, json=body, headers={"origin": STRANGER})
            assert (preflight.status_code, refused.status_code) == (204, 403)
            assert refused.json()["error"]["code"] == "origin_not_allowed"
            for response in (preflight, refused):
                assert response.headers["access-control-allow-origin"] == "*"
                assert response.headers["vary"] == "Origin"
                assert "access-control-allow-credentials" not in response.headers
            assert preflight.headers["access-control-allow-methods"] == "POST"
            # Pages elsewhere must not try secret keys, and the owner may allow the origin at any moment.
            assert "authorization" not in preflight.headers["access-control-allow-headers"]
            assert "access-control-max-age" not in preflight.headers


async def test_page_of_an_unknown_origin_reads_only_errors_of_endpoints_for_browsers(store_url: str) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        without_key = await server.client.post("/v1/decide", json=BODY, headers={"origin": STRANGER})
        of_server = await server.client.post("/v1/decide", json=BODY, headers=BEARER | {"origin": STRANGER})
        policies = await server.client.get("/v1/policies", headers={"origin": STRANGER})
    assert (without_key.status_code, without_key.headers["access-control-allow-origin"]) == (401, "*")
    assert (of_server.status_code, policies.status_code) == (200, 401)
    assert not {"access-control-allow-origin"} & (of_server.headers.keys() | policies.headers.keys())


async def test_page_of_an_allowed_origin_can_read_responses_and_errors(store_url: str) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        accepted = await server.client.post(
            "/v1/batch", json={"batch": [], "writeKey": "default"}, headers={"origin": SHOP}
        )
        malformed = await server.client.post("/v1/batch", content=b"{", headers={"origin": SHOP})
        without_key = await server.client.post("/v1/decide", json=BODY, headers={"origin": SHOP})
    assert [response.status_code for response in (accepted, malformed, without_key)] == [200, 400, 401]
    for response in (accepted, malformed, without_key):
        assert response.headers["access-control-allow-origin"] == SHOP
        assert response.headers["access-control-allow-credentials"] == "true"
        assert response.headers["vary"] == "Origin"
