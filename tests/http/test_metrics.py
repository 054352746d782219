from __future__ import annotations

import pytest

from edgewise.http import metrics
from edgewise.types import PolicyRef
from tests.eventually import eventually
from tests.http.prometheus import measured
from tests.servers import BEARER, Server, serve

one_server = pytest.mark.asyncio(loop_scope="module")


def decisions(placement: str, group: str) -> str:
    return f"edgewise_decisions_total{sorted({'site': 'default', 'placement': placement, 'group': group}.items())}"


@one_server
async def test_decisions_are_counted_by_placement_and_group(server: Server) -> None:
    before = await measured(server)
    await server.post("/v1/decide", {"placements": ["hero", "hero", "row", "made-up-1", "made-up-2"]})
    after = await measured(server)
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown[decisions("hero", "policy")] == 2
    assert grown[decisions("row", "policy")] == 1
    assert grown[decisions("", "none")] == 2, "a name that anyone can make up is no label"
    assert grown["edgewise_decide_seconds_count[]"] == 1
    assert not (grown["edgewise_decide_seconds_sum[]"] * 1000).is_integer(), "a millisecond is long for a decision"
    assert not [name for name in after if "made-up" in name]


@one_server
async def test_messages_are_counted_as_accepted_or_rejected(server: Server) -> None:
    before = await measured(server)
    await server.post("/v1/batch", {"batch": [{"type": "page", "anonymousId": "v"}, 5, 6]})
    await server.post("/v1/track", {"event": "$click"})
    after = await measured(server)
    accepted = "edgewise_messages_accepted_total[]"
    assert after[accepted] - before[accepted] == 1
    for code, count in (("invalid_message", 2), ("unknown_decision", 1)):
        name = f"edgewise_messages_rejected_total[('code', '{code}')]"
        assert after[name] - before.get(name, 0) == count


@one_server
async def test_robots_and_calls_without_consent_are_counted(server: Server) -> None:
    crawler = {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    before = await measured(server)
    page = {"type": "page", "anonymousId": "v"}
    await server.post("/v1/batch", {"batch": [page, page, {"type": "track"}]}, **crawler)
    await server.post("/v1/batch", {"batch": [page, page, page], "consent": "pending"})
    await server.post("/v1/page", {"anonymousId": "v"}, sec_gpc="1")
    for consent in ("granted", "granted", "pending", "denied"):
        await server.post("/v1/decide", {"placements": ["hero"], "consent": consent})
    await server.post("/v1/decide", {"placements": ["hero"]}, **crawler)
    after = await measured(server)

    def grown(name: str, **labels: str) -> float:
        key = name + str(sorted(({"site": "default"} | labels).items()))
        return after[key] - before.get(key, 0)

    assert grown("edgewise_messages_not_kept_total", reason="robot") == 3
    assert grown("edgewise_messages_not_kept_total", reason="consent") == 4
    calls = {
        consent: grown("edgewise_decide_calls_total", consent=consent) for consent in ("granted", "pending", "denied")
    }
    assert calls == {"granted": 3, "pending": 1, "denied": 1}
    assert grown("edgewise_decisions_total", placement="hero", group="robot") == 1


@one_server
async def test_decisions_with_a_debug_token_are_counted_as_previews(server: Server) -> None:
    token = (await server.post("/v1/previews", {"debug": True}, **BEARER)).json()["preview"]
    before = await measured(server)
    await server.post("/v1/decide", {"placements": ["hero"], "preview": token})
    after = await measured(server)
    for group, count in (("preview", 1), ("policy", 0)):
        name = decisions("hero", group)
        assert after.get(name, 0) - before.get(name, 0) == count


async def test_ids_with_impossible_rates_are_counted_as_robots(store_url: str) -> None:
    async with serve(store_url) as server:
        page = {"type": "page", "anonymousId": "too quick"}
        key = "edgewise_messages_not_kept_total[('reason', 'robot'), ('site', 'default')]"
        before = (await measured(server)).get(key, 0)

        async def is_counted() -> bool:  # A slow machine needs more of them.
            await server.post("/v1/batch", {"batch": [page] * 500})
            return (await measured(server)).get(key, 0) > before

        await eventually(is_counted)


@one_server
async def test_learning_delay_is_in_seconds(server: Server) -> None:
    name = "edgewise_learning_delay_seconds_sum[('placement', 'one'), ('site', 'of this test')]"
    metrics.observe_loaded_model(PolicyRef("of this test", "one"), 1250)
    assert (await measured(server))[name] == 1.25
