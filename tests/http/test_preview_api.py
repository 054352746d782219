"""Previews through the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.servers import BEARER, HERO, ROW, Server, serve
from tests.stored_bytes import read_store

SITE = {"hero.toml": HERO + 'when = { "data.nobody" = "has this" }\n', "row.toml": ROW}
TWO_SITES = {
    "shop/hero.toml": HERO,
    "shop/site.toml": 'name = "shop"\nwrite_key = "shop"',
    "books/hero.toml": HERO,
    "books/site.toml": 'name = "books"\nwrite_key = "books"',
}


async def token(server: Server, action: str = "deal", placement: str = "hero", **more: Any) -> str:
    body = {"placement": placement, "action": action, **more}
    response = await server.post("/v1/previews", body, **BEARER)
    assert response.status_code == 200, response.text
    found: str = response.json()["preview"]
    return found


async def decide(server: Server, preview: str, *placements: Any, **more: Any) -> httpx.Response:
    body = {"anonymousId": "staff", "placements": list(placements) or ["hero"], "preview": preview}
    return await server.post("/v1/decide", body | more)


async def test_preview_shows_an_ineligible_action_and_stores_nothing(store_url: str) -> None:
    async with serve(store_url, SITE) as server:
        preview = await token(server)
        before = read_store(store_url)
        for _ in range(20):
            response = (await decide(server, preview, "hero", "row")).json()
            hero, row = response["decisions"]
            assert (hero["action"], hero["payload"]) == ("deal", {"headline": "Save 10%"})
            assert (hero["group"], hero["decisionId"], hero["propensity"]) == ("preview", None, None)
            assert (row["group"], row["decisionId"]) == ("policy", None), "the other placements are not logged either"
        assert read_store(store_url) == before
        plain = (await server.post("/v1/decide", {"placements": ["hero"]})).json()["decisions"][0]
        assert (plain["group"], plain["action"]) == ("policy", "plain")


async def test_baseline_fills_the_slots_after_the_previewed_action(store_url: str) -> None:
    async with serve(store_url, SITE) as server:
        for action, shown in (("sku-3", ["sku-3", "sku-1"]), ("sku-2", ["sku-2", "sku-1"])):
            response = await decide(server, await token(server, action, "row"), "row")
            (row,) = response.json()["decisions"]
            assert ([slot["action"] for slot in row["slots"]], row["group"]) == (shown, "preview")


async def test_disabled_action_can_be_previewed(store_url: str) -> None:
    off = {"hero.toml": "enabled = false\n" + HERO + "enabled = false\n"}
    async with serve(store_url, off) as server:
        response = await decide(server, await token(server))
    assert response.json()["decisions"][0]["action"] == "deal"


@pytest.mark.parametrize("forged", ["", "made-up", "é", "A" * 200])
async def test_forged_token_is_refused(store_url: str, forged: str) -> None:
    async with serve(store_url, SITE) as server:
        response = await decide(server, forged)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["details"][0]["path"]) == (400, "invalid_preview", "preview")
    assert error["message"] == "preview: Expected a token that this server issued. Create one with `edgewise preview`."


async def test_token_for_another_site_is_refused(store_url: str) -> None:
    async with serve(store_url, TWO_SITES) as server:
        preview = await token(server, writeKey="shop")
        assert (await decide(server, preview, writeKey="shop")).status_code == 200
        response = await decide(server, preview, writeKey="books")
    assert (response.status_code, response.json()["error"]["code"]) == (403, "foreign_preview")


async def test_token_needs_the_secret_key_and_an_existing_action(store_url: str) -> None:
    async with serve(store_url, SITE) as server:
        body = {"placement": "hero", "action": "deal"}
        assert (await server.post("/v1/previews", body)).status_code == 401
        for wrong, status, path in (
            ({"placement": "nowhere"}, 404, "placement"),
            ({"action": "nothing"}, 404, "action"),
            ({"validSeconds": 0}, 400, "validSeconds"),
            ({"validSeconds": 31 * 86400}, 400, "validSeconds"),
            ({"placement": None}, 400, "placement"),
            ({"action": None}, 400, "action"),
            ({"debug": True}, 400, "placement"),
            ({"debug": True, "placement": None}, 400, "action"),
        ):
            response = await server.post("/v1/previews", body | wrong, **BEARER)
            assert (response.status_code, response.json()["error"]["details"][0]["path"]) == (status, path)
        response = await server.post("/v1/previews", body | {"validSeconds": 60}, **BEARER)
        assert response.json()["expiresAt"].endswith("+00:00")


async def debug_token(server: Server, **more: Any) -> str:
    response = await server.post("/v1/previews", {"debug": True, **more}, **BEARER)
    assert response.status_code == 200, response.text
    found: str = response.json()["preview"]
    return found


async def test_debug_token_shows_any_action_explains_decisions_and_stores_nothing(store_url: str) -> None:
    async with serve(store_url, SITE) as server:
        preview = await debug_token(server)
        before = read_store(store_url)
        response = await decide(server, preview, {"id": "hero", "action": "deal"}, {"id": "row", "exclude": ["sku-3"]})
        hero, row = response.json()["decisions"]
        assert (hero["action"], hero["payload"], hero["group"]) == ("deal", {"headline": "Save 10%"}, "preview")
        assert hero["debug"] == {
            "enabled": True,
            "mode": "online",
            "modelAgeSeconds": None,
            "learning": None,
            "user": "none",
            "actions": [
                {"id": "plain", "propensity": 1.0, "refused": None, "expected": None},
                {"id": "deal", "propensity": None, "refused": "condition", "expected": None},
            ],
        }
        assert (row["group"], row["decisionId"], len(row["slots"])) == ("policy", None, 2)
        assert [(one["id"], one["propensity"], one["refused"]) for one in row["debug"]["actions"]] == [
            ("sku-1", 0.5, None),
            ("sku-2", 0.5, None),
            ("sku-3", None, "excluded"),
        ]
        assert read_store(store_url) == before


async def test_decisions_are_explained_only_with_a_debug_token(store_url: str) -> None:
    async with serve(store_url, SITE) as server:
        (plain,) = (await server.post("/v1/decide", {"placements": [{"id": "hero", "action": "deal"}]})).json()[
            "decisions"
        ]
        assert (plain["action"], plain["group"], "debug" in plain) == ("plain", "policy", False)
        response = await decide(server, await token(server), {"id": "hero", "action": "deal"})
        assert "debug" not in response.json()["decisions"][0]


@pytest.mark.parametrize(
    ("debug", "placement", "action", "status", "code"),
    [
        (False, "hero", "plain", 403, "preview_limited"),
        (False, "row", "sku-1", 403, "preview_limited"),
        (True, "hero", "gone", 404, "preview_gone"),
        (True, "gone", "deal", 404, "preview_gone"),
    ],
)
async def test_action_outside_the_token_is_refused(
    store_url: str, debug: bool, placement: str, action: str, status: int, code: str
) -> None:
    async with serve(store_url, SITE) as server:
        preview = await (debug_token if debug else token)(server)
        response = await decide(server, preview, {"id": placement, "action": action})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["details"][0]["path"]) == (status, code, "preview")


async def test_debug_token_is_for_one_site(store_url: str) -> None:
    async with serve(store_url, TWO_SITES) as server:
        preview = await debug_token(server, writeKey="shop")
        (decision,) = (await decide(server, preview, writeKey="shop")).json()["decisions"]
        assert decision["group"] == "policy"
        response = await decide(server, preview, writeKey="books")
    assert (response.status_code, response.json()["error"]["code"]) == (403, "foreign_preview")


async def test_unknown_placement_is_not_explained(store_url: str) -> None:
    async with serve(store_url, SITE) as server:
        (decision,) = (await decide(server, await debug_token(server), "nowhere")).json()["decisions"]
    assert (decision["group"], decision["action"], "debug" in decision) == ("none", None, False)
