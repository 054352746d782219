"""The effects of recorded messages: on the logs, on profiles and on the next decision."""

from __future__ import annotations

import pytest

from edgewise.entries import Event, Outcome
from edgewise.ids.visitor import anonymous_digest, user_digest
from tests.http.messages import decision_id, logged, profile, send_batch, track
from tests.servers import BEARER, HERO, Server, serve, user
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_accepted_outcomes_and_events_are_logged(server: Server, valkey: Valkey) -> None:
    id = await decision_id(server, anonymousId="v1")
    response = await send_batch(
        server,
        track("$impression", messageId="m1", properties={"decisionId": id}, timestamp="2026-01-01T00:00:00.000Z"),
        track("$reward", messageId="m2", properties={"decisionId": id, "slot": 0, "value": 3}),
        track("Order Completed", messageId="m3", anonymousId="v1"),
        sentAt="2026-01-01T00:00:01.500Z",
    )
    assert response == {"success": True, "accepted": 3, "rejected": []}
    impression, reward, order = (await logged(valkey.url))[-3:]
    assert isinstance(impression, Outcome)
    assert isinstance(reward, Outcome)
    assert (impression.name, impression.slot, impression.value, impression.age) == ("$impression", None, None, 1500)
    assert (reward.name, reward.slot, reward.value, reward.age) == ("$reward", 0, 3.0, 0)
    assert isinstance(order, Event)
    assert (order.name, order.visitor) == ("Order Completed", (anonymous_digest("v1"),))


async def test_event_without_decision_is_logged_for_the_policies_that_reward_it(server: Server, valkey: Valkey) -> None:
    hero, row = await logged(valkey.url), await logged(valkey.url, "row")
    await send_batch(server, track("Product Viewed", anonymousId="v"), track("Nothing Special", anonymousId="v"))
    assert await logged(valkey.url) == hero
    assert [event.name for event in (await logged(valkey.url, "row"))[len(row) :]] == ["Product Viewed"]


async def test_purchase_from_a_server_carries_the_ids_of_the_visitors_browsers(server: Server, valkey: Valkey) -> None:
    for browser in ("browser-1", "browser-2"):
        await send_batch(server, {"type": "identify", "anonymousId": browser, **user("u1"), "traits": {"plan": "pro"}})
    response = await server.post("/v1/track", track("Order Completed", userId="u1"), **BEARER)
    assert response.status_code == 200
    event = (await logged(valkey.url))[-1]
    assert isinstance(event, Event)
    assert set(event.visitor) == {user_digest("u1"), anonymous_digest("browser-1"), anonymous_digest("browser-2")}


async def test_purchase_makes_an_action_eligible_in_the_next_decision(store_url: str) -> None:
    loyal = HERO + 'when = { "visitor.orders" = { "$gte" = 1 } }\n'
    async with serve(store_url, {"hero.toml": loyal}) as server:
        body = {"anonymousId": "buyer", "placements": ["hero"]}
        before = (await server.post("/v1/decide", body)).json()["decisions"][0]
        await send_batch(server, track("Order Completed", anonymousId="buyer", properties={"total": 12.5}))
        after = (await server.post("/v1/decide", body)).json()["decisions"][0]
    assert (before["propensity"], after["propensity"]) == (1.0, 0.5)


async def test_decision_sees_acknowledged_messages(store_url: str) -> None:
    left = HERO + 'when = { "visitor.cartValue" = { "$gte" = 40 }, "visitor.topCategory" = "shoes" }\n'
    async with serve(store_url, {"hero.toml": left}) as server:
        for number in range(5):
            body = {"anonymousId": f"buyer-{number}", "placements": ["hero"]}
            before = (await server.post("/v1/decide", body)).json()["decisions"][0]
            product = {"product_id": "sku-7", "category": "shoes", "brand": "acme", "price": 19.99, "quantity": 2}
            await send_batch(server, track("Product Added", anonymousId=f"buyer-{number}", properties=product))
            between = (await server.post("/v1/decide", body)).json()["decisions"][0]
            added = {"products": [{"product_id": "sku-8", "price": "5.00", "category": "shoes"}]}
            await send_batch(server, track("Product Added", anonymousId=f"buyer-{number}", properties=added))
            after = (await server.post("/v1/decide", body)).json()["decisions"][0]
            assert [response["propensity"] for response in (before, between, after)] == [1.0, 1.0, 0.5]


async def test_impression_with_a_visitor_id_is_stored_in_the_profile(server: Server, valkey: Valkey) -> None:
    id = await decision_id(server, anonymousId="looker")
    await send_batch(server, track("$impression", anonymousId="looker", properties={"decisionId": id}))
    assert list((await profile(valkey.url, "looker")).seen) == ["hero"]
    named = {"decisionId": id, "action": "deal"}
    await send_batch(server, track("$impression", anonymousId="looker", properties=named))
    assert set((await profile(valkey.url, "looker")).seen) == {"hero", "hero/deal"}


async def test_device_and_language_come_from_browsers_only(server: Server) -> None:
    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"
    page = {"type": "page", "context": {"page": {"url": "https://shop.example/"}}}
    speakers: dict[str, dict[str, str]] = {
        "browser": {"user_agent": iphone},
        "library": {"user_agent": "analytics-python/2.3.2"},
        "server": {"user_agent": iphone, **BEARER},
    }
    found = {}
    for name, headers in speakers.items():
        await server.post("/v1/batch", {"batch": [page | {"anonymousId": name}]}, accept_language="de-AT,de", **headers)
        (seen,) = (await server.get(f"/v1/profiles/{name}", **BEARER)).json()["visitors"]
        found[name] = [seen["visitor"].get(known) for known in ("device", "locale")]
    assert found == {"browser": ["mobile", "de-AT"], "library": [None, None], "server": [None, None]}
