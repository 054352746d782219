"""Targeting through the API: from the context of a request to the action in the response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.servers import BEARER, serve

CONDITIONS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    '"page.type" = "product"': ({"page": {"type": "product"}}, {"page": {"type": "home"}}),
    '"page.referrer" = { "$regex" = "(^|\\\\.)google\\\\." }': (
        {"page": {"referrer": "https://www.google.com/search?q=x"}},
        {"page": {"referrer": "https://notgoogle.example/"}},
    ),
    '"page.source" = "newsletter", "page.campaign" = "spring"': (
        {"page": {"url": "https://shop.example/?utm_source=newsletter&utm_campaign=spring"}},
        {"page": {"url": "https://shop.example/?utm_source=newsletter"}},
    ),
    '"page.path" = { "$regex" = "^/c/" }': (
        {"page": {"url": "https://shop.example/c/tea"}},
        {"page": {"url": "https://shop.example/tea?from=/c/"}},
    ),
    '"time.weekday" = { "$gte" = 1 }': ({"timezone": "Europe/Berlin"}, {"timezone": "Nowhere"}),
    '"locale.language" = "fr"': ({"locale": "fr-CA"}, {"locale": "de-CH"}),
}


def policy(condition: str) -> str:
    """A policy that pins an action for the visitors who meet a condition."""
    return f"""
        placement = "hero"
        baseline = "plain"
        [[actions]]
        id = "plain"
        [[actions]]
        id = "special"
        when = {{ {condition} }}
        [[pins]]
        action = "special"
    """


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_condition_selects_the_visitors_it_describes(store_url: str, condition: str) -> None:
    async with serve(store_url, {"hero.toml": policy(condition)}) as server:
        shown = []
        for context in CONDITIONS[condition]:
            response = await server.post("/v1/decide", {"placements": ["hero"], "context": context})
            (decision,) = response.json()["decisions"]
            shown.append((decision["action"], decision["group"] == "pinned"))
    assert shown == [("special", True), ("plain", False)]


async def test_country_comes_only_from_the_configured_header(store_url: str) -> None:
    files = {"hero.toml": policy('"place.country" = "DE"')}
    body = {"placements": ["hero"]}
    async with serve(store_url, files, country_header="CF-IPCountry") as server:
        responses = [
            await server.post("/v1/decide", body, **{"cf-ipcountry": "de"}),
            await server.post("/v1/decide", body, **{"cf-ipcountry": "FR"}),
            await server.post("/v1/decide", body, **{"x-country": "DE"}),
            await server.post("/v1/decide", body, **{"cf-ipcountry": "DE"}, **BEARER),
        ]
    assert [response.json()["decisions"][0]["action"] for response in responses] == [
        "special",
        "plain",
        "plain",
        "plain",
    ]
    async with serve(store_url, files) as server:
        response = await server.post("/v1/decide", body, **{"cf-ipcountry": "DE"})
    assert response.json()["decisions"][0]["action"] == "plain"
