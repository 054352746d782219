"""Targeting from one end to the other: what a browser sends, and what its visitor may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.servers import BEARER, serve

RULES: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
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


def policy(when: str) -> str:
    """A placement with one action for those for whom this holds, who are pinned to it."""
    return f"""
        placement = "hero"
        baseline = "plain"
        [[actions]]
        id = "plain"
        [[actions]]
        id = "special"
        when = {{ {when} }}
        [[pins]]
        action = "special"
    """


@pytest.mark.parametrize("when", RULES)
async def test_condition_selects_the_visitors_it_describes(store_url: str, when: str) -> None:
    async with serve(store_url, {"hero.toml": policy(when)}) as server:
        shown = []
        for context in RULES[when]:
            answer = await server.post("/v1/decide", {"placements": ["hero"], "context": context})
            (decision,) = answer.json()["decisions"]
            shown.append((decision["action"], decision["group"] == "pinned"))
    assert shown == [("special", True), ("plain", False)]


async def test_country_comes_only_from_the_configured_header(store_url: str) -> None:
    files = {"hero.toml": policy('"place.country" = "DE"')}
    body = {"placements": ["hero"]}
    async with serve(store_url, files, country_header="CF-IPCountry") as server:
        answers = [
            await server.post("/v1/decide", body, **{"cf-ipcountry": "de"}),
            await server.post("/v1/decide", body, **{"cf-ipcountry": "FR"}),
            await server.post("/v1/decide", body, **{"x-country": "DE"}),
            await server.post("/v1/decide", body, **{"cf-ipcountry": "DE"}, **BEARER),
        ]
    assert [answer.json()["decisions"][0]["action"] for answer in answers] == ["special", "plain", "plain", "plain"]
    async with serve(store_url, files) as server:
        answer = await server.post("/v1/decide", body, **{"cf-ipcountry": "DE"})
    assert answer.json()["decisions"][0]["action"] == "plain"
