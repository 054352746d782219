"""Robots through the API: they get decisions, and leave nothing but a counter."""

from __future__ import annotations

import asyncio
from typing import Any

from edgewise.entries import Entry, Robot, Version, decode
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.statistics import Statistics
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef
from tests.learner.published_policy import read
from tests.servers import BEARER, HERO, Server, serve
from tests.stored_bytes import read_store

GOOGLE = {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
REF = PolicyRef("default", "hero")
LEARN = {"hero.toml": HERO, "site.toml": 'robots = "learn"'}
DECIDE = {"anonymousId": "robot", "placements": ["hero"]}


async def decide(server: Server, **headers: str) -> dict[str, Any]:
    response = await server.post("/v1/decide", DECIDE, **headers)
    assert response.status_code == 200, response.text
    (decision,) = response.json()["decisions"]
    found: dict[str, Any] = decision
    return found


async def logged(url: str) -> list[Entry]:
    store = await Store.connect(url)
    page = (await store.log.read({REF: BEGINNING}, 10_000))[REF]
    await store.close()
    entries = [decode(raw) for _, raw in page.entries]
    return [entry for entry in entries if not isinstance(entry, Version)]


async def test_crawler_gets_a_decision_that_is_logged_as_a_robots(store_url: str) -> None:
    async with serve(store_url) as server:
        decision = await decide(server, **GOOGLE)
        assert (decision["group"], decision["propensity"]) == ("policy", 0.5)
        assert decision["decisionId"] is None
    assert await logged(store_url) == [Robot()]


async def test_messages_of_crawlers_are_accepted_and_dropped(store_url: str) -> None:
    async with serve(store_url) as server:
        id = (await decide(server))["decisionId"]
        before = read_store(store_url)
        batch: list[Any] = [
            {"type": "track", "event": "$click", "properties": {"decisionId": id}},
            {"type": "track", "event": "Order Completed", "anonymousId": "robot"},
            {"type": "page", "anonymousId": "robot"},
            5,
        ]
        response = await server.post("/v1/batch", {"batch": batch}, **GOOGLE)
        assert (response.json()["accepted"], response.json()["rejected"][0]["index"]) == (3, 3)
        response = await server.post("/v1/track", batch[1], **GOOGLE)
        assert (response.status_code, response.json()["accepted"]) == (200, 1)
    assert read_store(store_url) == before


async def test_server_is_never_a_robot(store_url: str) -> None:
    async with serve(store_url) as server:
        assert (await decide(server, **GOOGLE, **BEARER))["decisionId"] is not None


async def test_site_can_learn_from_robots(store_url: str) -> None:
    async with serve(store_url, LEARN) as server:
        assert (await decide(server, **GOOGLE))["decisionId"] is not None
        assert all([(await decide(server))["decisionId"] for _ in range(70)])


async def test_visitor_with_too_many_decides_is_a_robot(store_url: str) -> None:
    async with serve(store_url) as server:
        responses = [await decide(server) for _ in range(60)]
        assert all(response["decisionId"] for response in responses)
        async with asyncio.timeout(60):
            while all(response["decisionId"] for response in responses):  # A slow machine needs more of them.
                responses += await asyncio.gather(*(decide(server) for _ in range(50)))
        assert {response["group"] for response in responses} == {"policy"}
        other = await server.post("/v1/decide", DECIDE | {"anonymousId": "someone else"})
        assert other.json()["decisions"][0]["decisionId"] is not None
        trusted = [await decide(server, **BEARER) for _ in range(70)]
        assert all(response["decisionId"] for response in trusted)
    assert Robot() in await logged(store_url)


async def test_messages_above_the_rate_of_a_visitor_are_dropped(store_url: str) -> None:
    order = {"type": "track", "event": "Order Completed", "anonymousId": "robot"}
    async with serve(store_url) as server:
        for _ in range(4):
            response = await server.post("/v1/batch", {"batch": [order] * 500})
            assert response.json() == {"success": True, "accepted": 500, "rejected": []}
        assert 1000 <= len(await logged(store_url)) < 2000
        await server.post("/v1/batch", {"batch": [order | {"anonymousId": "someone else"}]})
        before = len(await logged(store_url))
        await server.post("/v1/batch", {"batch": [order] * 10}, **BEARER)
        assert len(await logged(store_url)) == before + 10


async def test_learner_only_counts_robots(store_url: str) -> None:
    async with serve(store_url) as server:
        for _ in range(3):
            await decide(server, **GOOGLE)
        await decide(server)
        store = await Store.connect(store_url)
        learner = PolicyLearner(store, REF)
        while await read(store, learner):
            pass
        checkpoint = await learner.publish()
        await store.close()
        assert checkpoint is not None
        statistics = Statistics.decode(checkpoint.statistics)
        assert (statistics.robots, statistics.decisions, statistics.unlearned) == (3, 1, 0)
        report = (await server.get("/v1/policies/hero", **BEARER)).json()
    assert (report["robots"], report["decisions"]) == (3, 1)
