from __future__ import annotations

import logging

import pytest

from edgewise.http.origin_log import OriginLog
from tests.servers import BEARER, HERO, SECRET, Server, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = {"placements": ["hero"]}
KEYED = BODY | {"writeKey": "default"}
SHOP = "https://shop.example"
STRANGER = "https://www.shop.example:8443"
ASKING = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,authorization"}


def site(origins: str) -> dict[str, str]:
    return {"hero.toml": HERO, "site.toml": f"origins = {origins}"}


@pytest.mark.parametrize("auth", [("default", ""), ("default", "anything")])
async def test_a_write_key_may_be_the_user_name(server: Server, auth: tuple[str, str]) -> None:
    assert (await server.client.post("/v1/decide", json=BODY, auth=auth)).status_code == 200


async def test_the_secret_key_speaks_for_the_only_site_and_no_origin_is_asked_of_it(server: Server) -> None:
    headers = BEARER | {"origin": "https://evil.example"}
    assert (await server.client.post("/v1/decide", json=BODY, headers=headers)).status_code == 200
    assert (await server.client.post("/v1/decide", json=KEYED, headers=BEARER)).status_code == 200
    lower = {"authorization": f"bearer  {SECRET}"}
    assert (await server.client.post("/v1/decide", json=BODY, headers=lower)).status_code == 200


async def test_the_secret_key_is_no_write_key(server: Server) -> None:
    answer = await server.client.post("/v1/decide", json=BODY | {"writeKey": SECRET})
    assert answer.status_code == 401
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("origin", "allowed"),
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
async def test_without_configured_origins_pages_on_the_same_machine_may_call(
    server: Server, origin: str, allowed: bool
) -> None:
    answer = await server.client.post("/v1/decide", json=KEYED, headers={"origin": origin})
    assert answer.status_code == (200 if allowed else 403)
    assert answer.headers["access-control-allow-origin"] == (origin if allowed else "*")


async def test_configured_origins_and_no_others_may_call(store_url: str) -> None:
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
            answer = await server.client.post("/v1/decide", json=KEYED, headers={"origin": origin})
            assert (origin, answer.status_code) == (origin, status)
        refused = answer.json()["error"]
    assert refused["code"] == "origin_not_allowed"
    assert refused["message"] == (
        "Origin: Site 'default' does not allow http://localhost. To allow it, extend the list in site.toml: "
        '`origins = [..., "http://localhost"]`.'
    )


async def test_a_star_allows_every_origin(store_url: str) -> None:
    async with serve(store_url, site('["*"]')) as server:
        answer = await server.client.post("/v1/decide", json=KEYED, headers={"origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] == "https://any.example"


async def test_a_preflight_is_answered_for_an_allowed_origin(store_url: str) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        for path in ("/v1/batch", "/v1/b", "/v1/track", "/v1/t", "/v1/group", "/v1/decide"):
            allowed = await server.client.options(path, headers=ASKING | {"origin": SHOP})
            assert (path, allowed.status_code) == (path, 204)
    assert allowed.content == b""
    assert allowed.headers["access-control-allow-origin"] == SHOP
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert allowed.headers["access-control-allow-methods"] == "POST"
    assert {"content-type", "authorization"} <= set(allowed.headers["access-control-allow-headers"].split(", "))
    assert allowed.headers["access-control-max-age"] == "7200"
    assert allowed.headers["vary"] == "Origin"


async def test_a_page_of_another_origin_may_come_and_read_that_it_is_refused(store_url: str) -> None:
    body = KEYED | {"batch": [], "event": "Viewed", "anonymousId": "v"}
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        for path in ("/v1/decide", "/v1/batch", "/v1/track", "/v1/t"):
            asked = await server.client.options(path, headers=ASKING | {"origin": STRANGER})
            refused = await server.client.post(path, json=body, headers={"origin": STRANGER})
            assert (asked.status_code, refused.status_code) == (204, 403)
            assert refused.json()["error"]["code"] == "origin_not_allowed"
            for answer in (asked, refused):
                assert answer.headers["access-control-allow-origin"] == "*"
                assert answer.headers["vary"] == "Origin"
                assert "access-control-allow-credentials" not in answer.headers
            assert asked.headers["access-control-allow-methods"] == "POST"
            # No page elsewhere gets to use a key that only servers may have, and what was refused may be allowed soon.
            assert "authorization" not in asked.headers["access-control-allow-headers"]
            assert "access-control-max-age" not in asked.headers


async def test_a_page_of_another_origin_may_read_that_its_key_is_wrong_and_nothing_that_servers_ask_for(
    store_url: str,
) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        keyless = await server.client.post("/v1/decide", json=BODY, headers={"origin": STRANGER})
        told = await server.client.post("/v1/decide", json=BODY, headers=BEARER | {"origin": STRANGER})
        report = await server.client.get("/v1/policies", headers={"origin": STRANGER})
    assert (keyless.status_code, keyless.headers["access-control-allow-origin"]) == (401, "*")
    assert (told.status_code, report.status_code) == (200, 401)
    assert not {"access-control-allow-origin"} & (told.headers.keys() | report.headers.keys())


async def test_a_refused_origin_is_said_once_with_the_line_that_lets_it_in(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        for _ in range(3):
            await server.client.post("/v1/decide", json=KEYED, headers={"origin": STRANGER})
            await server.client.post("/v1/batch", json=KEYED | {"batch": []}, headers={"origin": STRANGER})
    (said,) = [record for record in caplog.records if record.name == OriginLog.__module__]
    assert said.levelno == logging.WARNING
    _, line = said.getMessage().rsplit(": ", 1)
    assert line == f'origins = ["{SHOP}", "{STRANGER}"]'
    caplog.clear()
    async with serve(store_url, {"hero.toml": HERO, "site.toml": line}) as server:
        answer = await server.client.post("/v1/decide", json=KEYED, headers={"origin": STRANGER})
    assert answer.status_code == 200
    assert not [record for record in caplog.records if record.name == OriginLog.__module__]


async def test_a_page_may_read_the_answer_and_the_error(store_url: str) -> None:
    async with serve(store_url, site(f'["{SHOP}"]')) as server:
        fine = await server.client.post(
            "/v1/batch", json={"batch": [], "writeKey": "default"}, headers={"origin": SHOP}
        )
        wrong = await server.client.post("/v1/batch", content=b"{", headers={"origin": SHOP})
        keyless = await server.client.post("/v1/decide", json=BODY, headers={"origin": SHOP})
    assert [answer.status_code for answer in (fine, wrong, keyless)] == [200, 400, 401]
    for answer in (fine, wrong, keyless):
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"
