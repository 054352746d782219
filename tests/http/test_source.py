"""Sources of requests and their budgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from edgewise.http.source import SourceReader
from edgewise.settings import Settings
from tests.servers import BEARER, Server, serve
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = SourceReader(Settings().trusted_proxies)


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1, 127.0.0.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("127.0.0.1", "[2001:db8:1:2:ffff::9]:443", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", None, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", None, "fe80::/64"),
        ("127.0.0.1", "6.6.6.6," * 10_000 + "198.51.100.1", "198.51.100.1"),
        (None, "198.51.100.1", "198.51.100.1"),
    ],
)
async def test_the_source_is_the_last_address_that_no_trusted_proxy_has(
    peer: str | None, forwarded: str | None, source: str
) -> None:
    headers = {} if forwarded is None else {b"x-forwarded-for": forwarded.encode()}
    assert DEFAULT.of(None if peer is None else (peer, 1234), headers) == source


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def limited(valkey: Valkey) -> AsyncIterator[Server]:
    valkey.execute("FLUSHALL")
    async with serve(valkey.url, decides_per_source=100, messages_per_source=100, visitors_per_source=100) as server:
        yield server


async def decide(server: Server, number: int, **headers: str) -> dict[str, Any]:
    response = await server.post("/v1/decide", {"placements": ["hero"], "anonymousId": f"v{number}"}, **headers)
    assert response.status_code == 200
    (decision,) = response.json()["decisions"]
    return decision  # type: ignore[no-any-return]


async def test_decide_calls_over_the_budget_of_their_address_get_the_baseline(limited: Server) -> None:
    busy = {"x_forwarded_for": "198.51.100.1"}
    decisions = [await decide(limited, number, **busy) for number in range(150)]
    assert {decision["group"] for decision in decisions[:100]} == {"policy"}
    assert (decisions[-1]["group"], decisions[-1]["action"], decisions[-1]["decisionId"]) == ("fallback", "plain", None)
    assert (await decide(limited, 1, x_forwarded_for="198.51.100.2"))["group"] == "policy"
    assert (await decide(limited, 1, **busy, **BEARER))["group"] == "policy", "a server has no such limit"
    metrics = (await limited.get("/metrics")).text
    assert 'edgewise_over_budget_total{budget="decides",site="default"}' in metrics
    assert 'edgewise_decisions_total{group="limited"' in metrics


async def test_messages_over_the_budget_of_their_address_are_refused_and_may_be_sent_again(limited: Server) -> None:
    busy = {"x_forwarded_for": "198.51.100.3"}
    batch = {"batch": [{"type": "page", "anonymousId": "reader"} for _ in range(50)]}
    statuses = [(await limited.post("/v1/batch", batch, **busy)).status_code for _ in range(4)]
    assert statuses[:2] == [200, 200]
    response = await limited.post("/v1/batch", batch, **busy)
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "too_many_requests"
    assert response.headers["retry-after"] == "10"
    assert (await limited.post("/v1/batch", batch, x_forwarded_for="198.51.100.4")).status_code == 200
    assert (await limited.post("/v1/batch", batch, **busy, **BEARER)).status_code == 200


async def test_outcomes_of_one_decision_are_bounded_before_they_reach_the_log(server: Server, valkey: Valkey) -> None:
    decision = await decide(server, 1)
    rewards = [
        {"type": "track", "event": "$reward", "properties": {"decisionId": decision["decisionId"], "value": 1}}
    ] * 500
    before = int(valkey.execute("XLEN {default:hero}:log")[1:])
    rejected = 0
    for _ in range(6):
        rejections = (await server.post("/v1/batch", {"batch": rewards})).json()["rejected"]
        assert {rejection["code"] for rejection in rejections} == {"too_many_outcomes"}
        rejected += len(rejections)
    appended = int(valkey.execute("XLEN {default:hero}:log")[1:]) - before
    assert appended == 3000 - rejected <= 256 + 64
    other = await decide(server, 2)
    click = {"type": "track", "event": "$click", "properties": {"decisionId": other["decisionId"]}}
    assert (await server.post("/v1/batch", {"batch": [click]})).json()["rejected"] == []


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        (None, ""),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:4::5", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
async def test_connection_of_a_trusted_proxy_has_no_source(host: str | None, source: str) -> None:
    assert DEFAULT.of_connection(host) == source


async def test_few_addresses_with_most_rewards_raise_an_alarm(server: Server) -> None:
    async def results(placement: str) -> dict[str, Any]:
        found: dict[str, Any] = (await server.get(f"/v1/policies/{placement}", **BEARER)).json()["rewardSources"]
        return found

    assert await results("row") == {"rewards": 0, "topShare": 0.0, "alarm": False}
    for number in range(60):
        decision = await decide(server, number)
        outcomes = [
            {"type": "track", "event": name, "anonymousId": f"v{number}", "properties": properties}
            for name in ("$impression", "$click", "Order Completed")
            for properties in [{"decisionId": decision["decisionId"]}]
        ]
        batch = await server.post("/v1/batch", {"batch": outcomes}, x_forwarded_for=f"198.51.100.{number % 2}")
        assert batch.json()["rejected"] == []
    found = await results("hero")
    assert found["rewards"] >= 120, "impressions are no rewards"
    assert found["alarm"]
    metrics = (await server.get("/metrics")).text
    assert 'edgewise_reward_drift_alarm{placement="hero",site="default"} 1.0' in metrics
    assert 'edgewise_reward_top_sources_share{placement="row",site="default"} 0.0' in metrics


async def test_call_with_many_placements_uses_more_of_the_budget(limited: Server) -> None:
    busy = {"x_forwarded_for": "198.51.100.9"}
    groups = []
    for number in range(40):
        body = {"placements": ["hero"] * 50, "anonymousId": f"v{number}"}
        groups.append((await limited.post("/v1/decide", body, **busy)).json()["decisions"][0]["group"])
    assert groups[:15] == ["policy"] * 15
    assert groups[-1] == "fallback"


async def test_a_school_behind_one_address_meets_no_limit(valkey: Valkey) -> None:
    """A tenth of a school of 1,000, with a tenth of the default limits, opens the same page at once."""
    pupils, address = 100, {"x_forwarded_for": "192.0.2.1"}
    default = Settings()
    limits: dict[str, Any] = {
        "decides_per_source": default.decides_per_source // 10,
        "messages_per_source": default.messages_per_source // 10,
        "visitors_per_source": default.visitors_per_source // 10,
    }

    async def visit(server: Server, number: int) -> None:
        decision = await decide(server, number, **address)
        assert decision["group"] == "policy"
        outcome = {"anonymousId": f"v{number}", "properties": {"decisionId": decision["decisionId"]}}
        page = {"type": "page", "anonymousId": f"v{number}"}
        outcomes = [{"type": "track", "event": event, **outcome} for event in ("$impression", "$click")]
        response = await server.post("/v1/batch", {"batch": [page, page, *outcomes]}, **address)
        assert response.json() == {"success": True, "accepted": 4, "rejected": []}

    valkey.execute("FLUSHALL")
    async with serve(valkey.url, **limits) as server:
        for first in range(0, pupils, 50):
            await asyncio.gather(*[visit(server, number) for number in range(first, first + 50)])
    assert int(valkey.execute("EVAL \"return #redis.call('KEYS', '*:p')\" 0")[1:]) == pupils
