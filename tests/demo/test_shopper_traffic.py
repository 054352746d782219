from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from edgewise.conditions.compiler import matches
from edgewise.demo import shopper_traffic
from edgewise.demo.shopper_traffic import ADD_RATE, RETURN_RATE, SLOTS, ShopperTraffic
from edgewise.demo.simulated_visitors import SEGMENTS, SimulatedVisitor, generate_visitors
from edgewise.demo.tally import DemoTally
from edgewise.policies.policy import Policy
from edgewise.policies.site_files import load_sites

[(_, POLICIES)] = load_sites(Path(__file__).parents[2] / "policies")
[ROW] = [policy for policy in POLICIES if policy.placement == "home-row"]
[NUDGE] = [policy for policy in POLICIES if policy.placement == "cart-nudge"]
ACCEPTED = {"success": True, "accepted": 1, "rejected": []}


class Api:
    """A stand-in for the server. It recommends random products."""

    def __init__(self, group: str = "policy") -> None:
        self.requests: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self._group = group

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path == "/v1/batch":
            self.messages += body["batch"]
            self.calls += ((request.url.path, message["anonymousId"]) for message in body["batch"])
            return httpx.Response(200, json=ACCEPTED)
        self.requests.append(body)
        self.calls.append((request.url.path, body["anonymousId"]))
        [placement] = body["placements"]
        answer: dict[str, Any] = {
            "decisionId": None if self._group == "fallback" else f"{placement['id']} of {body['anonymousId']}"
        }
        if placement["id"] == "home-row":
            drawn = Random(body["anonymousId"]).sample([action.id for action in ROW.actions], placement["slots"])
            answer |= {"slots": [{"action": id} for id in drawn]}
        else:
            answer |= {"action": "free-gift"}
        return httpx.Response(200, json={"decisions": [{**answer, "group": self._group}]})

    def events(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message.get("event") == name]

    def visitors_of(self, placement: str) -> list[str]:
        """The visitors who requested this placement."""
        return [body["anonymousId"] for body in self.requests if body["placements"][0]["id"] == placement]

    def shown(self, visitor: str) -> list[str]:
        return Random(visitor).sample([action.id for action in ROW.actions], SLOTS)


@pytest.fixture(autouse=True)
def _fast_shoppers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shopper_traffic, "CLICK_AFTER", 0.0)
    monkeypatch.setattr(shopper_traffic, "ORDER_AFTER", 0.0)


async def sent(api: Api, visitors: list[SimulatedVisitor]) -> tuple[DemoTally, DemoTally]:
    """The tallies of the row and of the cart."""
    tally, cart_tally = DemoTally(SEGMENTS, len(visitors), {}), DemoTally(SEGMENTS, len(visitors), {})
    async with httpx.AsyncClient(transport=httpx.MockTransport(api), base_url="http://server") as client:
        await ShopperTraffic(client, "default", tally, cart_tally, ROW.actions).send(visitors, 1000)
    return tally, cart_tally


def names(policy: Policy) -> set[str]:
    return set(policy.reward.events)


async def test_shoppers_send_the_events_that_the_policies_reward() -> None:
    api = Api()
    tally, cart_tally = await sent(api, list(generate_visitors(300, 1)))
    reported = {message["event"] for message in api.messages if message["type"] == "track"}
    assert reported == names(ROW) | names(NUDGE) | {"$impression"}
    assert (tally.arrived, tally.decisions) == (300, len(api.visitors_of("home-row")) * SLOTS)
    assert cart_tally.decisions == len(api.visitors_of("cart-nudge"))
    assert cart_tally.share(SEGMENTS[0], "free-gift") == 1.0
    assert {message["properties"]["decisionId"] for message in api.events("$impression")} == {
        f"{body['placements'][0]['id']} of {body['anonymousId']}" for body in api.requests
    }
    # A shop's checkout has no decision ids.
    assert all(message["properties"] == {} for message in api.events("Order Completed"))


async def test_shoppers_click_on_their_favorite_category_and_order_at_the_set_rates() -> None:
    api = Api()
    visitors = {visitor.id: visitor for visitor in generate_visitors(600, 1)}
    await sent(api, list(visitors.values()))
    categories = {action.id: action.features["category"] for action in ROW.actions}
    clicks = api.events("$click")
    clicked = {one["anonymousId"]: api.shown(one["anonymousId"])[one["properties"]["slot"]] for one in clicks}
    liked = sum(categories[product] == visitors[id].segment.likes for id, product in clicked.items())
    assert liked > 0.6 * len(clicked) > 60
    added = {one["anonymousId"]: one["properties"]["product_id"] for one in api.events("Product Added")}
    assert added.items() <= clicked.items()
    # Four standard deviations of a share of some 200 are 13%.
    assert len(added) == pytest.approx(ADD_RATE * len(clicked), rel=0.25)
    ordered = {one["anonymousId"] for one in api.events("Order Completed")}
    in_cart = api.visitors_of("cart-nudge")
    assert {*added, *ordered} <= set(in_cart)
    for segment in SEGMENTS:
        of_it = {id for id in in_cart if visitors[id].segment is segment}
        # Four standard deviations of a share of some 100 are 20%.
        assert len(ordered & of_it) / len(of_it) == pytest.approx(segment.nudges["free-gift"], abs=0.2)


async def test_some_shoppers_return_to_the_cart_only() -> None:
    api = Api()
    await sent(api, list(generate_visitors(600, 1)))
    looked, in_cart = set(api.visitors_of("home-row")), set(api.visitors_of("cart-nudge"))
    assert len(looked | in_cart) == 600
    # Four standard deviations of a share of 600 are 8%.
    assert len(in_cart - looked) / 600 == pytest.approx(RETURN_RATE, abs=0.08)


async def test_the_campaign_is_not_in_the_context_of_a_request_from_the_cart() -> None:
    api = Api()
    visitors = {visitor.id: visitor for visitor in generate_visitors(100, 1)}
    await sent(api, list(visitors.values()))
    reported = [(message["anonymousId"], message["context"]) for message in api.messages if message["type"] == "page"]
    for body in api.requests:
        if body["placements"][0]["id"] == "cart-nudge":
            assert body["context"]["page"] == {"url": "https://shop.example/cart", "type": "cart"}
            assert (body["anonymousId"], visitors[body["anonymousId"]].context) in reported


async def test_half_of_the_shoppers_visit_a_page_before_the_row() -> None:
    api = Api()
    visitors = list(generate_visitors(100, 1))
    await sent(api, visitors)
    landed = {visitor.id for visitor in visitors if int(visitor.id, 16) % 2 == 0}
    reported = [(message["anonymousId"], message["context"]) for message in api.messages if message["type"] == "page"]
    assert all((visitor.id, visitor.context) in reported for visitor in visitors if visitor.id in landed)
    in_row = [body for body in api.requests if body["placements"][0]["id"] == "home-row"]
    assert 10 < len(landed.intersection(api.visitors_of("home-row"))) < len(in_row) - 10
    for body in in_row:
        has_source = "utm_source" in body["context"]["page"]["url"]
        assert has_source == (body["anonymousId"] not in landed)
    first: dict[tuple[str, str], int] = {}
    for number, (path, id) in enumerate(api.calls):
        first.setdefault((path, id), number)
    assert all(first["/v1/batch", id] < first["/v1/decide", id] for id in landed)


async def test_a_fallback_gets_no_impression_or_click() -> None:
    api = Api(group="fallback")
    tally, cart_tally = await sent(api, list(generate_visitors(20, 1)))
    assert {message.get("event", message["type"]) for message in api.messages} == {"page", "Order Completed"}
    assert tally.fallbacks == len(api.visitors_of("home-row")) * SLOTS > 0
    assert cart_tally.fallbacks == len(api.visitors_of("cart-nudge")) > 0


def test_categories_and_nudges_of_segments_are_those_of_the_policies() -> None:
    assert {segment.likes for segment in SEGMENTS} < {action.features["category"] for action in ROW.actions}
    assert all(segment.nudges.keys() == {action.id for action in NUDGE.actions} for segment in SEGMENTS)


def test_each_segment_has_a_clear_best_nudge_for_every_basket_value() -> None:
    best: dict[str, set[str]] = {segment.name: set() for segment in SEGMENTS}
    for segment in SEGMENTS:
        low, high = segment.baskets
        for value in range(low, high + 1):
            seen = {"data": {"basketValue": value}}
            eligible = [action.id for action in NUDGE.actions if action.when is None or matches(action.when, seen)]
            assert len(eligible) > 1, f"{segment.name} with a basket of {value}"
            first, second = sorted((segment.nudges[action] for action in eligible), reverse=True)[:2]
            assert first - second > 0.25
            best[segment.name].add(max(eligible, key=lambda action: segment.nudges[action]))
    assert best == {
        "students": {"nothing"},
        "bargain hunters": {"almost-free-shipping", "free-gift"},
        "gift buyers": {"free-gift"},
    }
