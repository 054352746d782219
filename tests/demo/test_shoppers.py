from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from edgewise.conditions.compiler import matches
from edgewise.demo import shoppers
from edgewise.demo.shoppers import KEEPS, RETURNS, SLOTS, Shoppers
from edgewise.demo.simulated_visitors import SEGMENTS, Visitor, arriving
from edgewise.demo.tally import Tally
from edgewise.policies.policy import Policy
from edgewise.policies.site_files import load_sites

[(_, POLICIES)] = load_sites(Path(__file__).parents[2] / "policies")
[ROW] = [policy for policy in POLICIES if policy.placement == "home-row"]
[NUDGE] = [policy for policy in POLICIES if policy.placement == "cart-nudge"]
ALL_GOOD = {"success": True, "accepted": 1, "rejected": []}


class Api:
    """Answers as the server does, with products by chance."""

    def __init__(self, group: str = "policy") -> None:
        self.asked: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self._group = group

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path == "/v1/batch":
            self.told += body["batch"]
            self.calls += ((request.url.path, message["anonymousId"]) for message in body["batch"])
            return httpx.Response(200, json=ALL_GOOD)
        self.asked.append(body)
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
        return [message for message in self.told if message.get("event") == name]

    def asked_for(self, placement: str) -> list[str]:
        """The visitors who have asked for it."""
        return [body["anonymousId"] for body in self.asked if body["placements"][0]["id"] == placement]

    def shown(self, visitor: str) -> list[str]:
        return Random(visitor).sample([action.id for action in ROW.actions], SLOTS)


@pytest.fixture(autouse=True)
def _hasty_shoppers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shoppers, "CLICK_AFTER", 0.0)
    monkeypatch.setattr(shoppers, "ORDER_AFTER", 0.0)


async def sent(api: Api, visitors: list[Visitor]) -> tuple[Tally, Tally]:
    """What was counted of the row, and of the cart."""
    tally, nudged = Tally(SEGMENTS, len(visitors), {}), Tally(SEGMENTS, len(visitors), {})
    async with httpx.AsyncClient(transport=httpx.MockTransport(api), base_url="http://server") as client:
        await Shoppers(client, "default", tally, nudged, ROW.actions).send(visitors, 1000)
    return tally, nudged


def names(policy: Policy) -> set[str]:
    return set(policy.reward.events)


async def test_what_shoppers_do_is_what_the_policies_reward() -> None:
    api = Api()
    tally, nudged = await sent(api, list(arriving(300, 1)))
    told = {message["event"] for message in api.told if message["type"] == "track"}
    assert told == names(ROW) | names(NUDGE) | {"$impression"}
    assert (tally.came, tally.decisions) == (300, len(api.asked_for("home-row")) * SLOTS)
    assert nudged.decisions == len(api.asked_for("cart-nudge"))
    assert nudged.share(SEGMENTS[0], "free-gift") == 1.0
    assert {message["properties"]["decisionId"] for message in api.events("$impression")} == {
        f"{body['placements'][0]['id']} of {body['anonymousId']}" for body in api.asked
    }
    # A shop's till knows nothing of decisions.
    assert all(message["properties"] == {} for message in api.events("Order Completed"))


async def test_they_click_on_what_their_segment_likes_then_buy_it_or_not() -> None:
    api = Api()
    visitors = {visitor.id: visitor for visitor in arriving(600, 1)}
    await sent(api, list(visitors.values()))
    categories = {action.id: action.features["category"] for action in ROW.actions}
    clicks = api.events("$click")
    clicked = {one["anonymousId"]: api.shown(one["anonymousId"])[one["properties"]["slot"]] for one in clicks}
    liked = sum(categories[product] == visitors[id].segment.likes for id, product in clicked.items())
    assert liked > 0.6 * len(clicked) > 60
    added = {one["anonymousId"]: one["properties"]["product_id"] for one in api.events("Product Added")}
    assert added.items() <= clicked.items()
    # Four standard deviations of a share of some 200 are 13%.
    assert len(added) == pytest.approx(KEEPS * len(clicked), rel=0.25)
    ordered = {one["anonymousId"] for one in api.events("Order Completed")}
    in_cart = api.asked_for("cart-nudge")
    assert {*added, *ordered} <= set(in_cart)
    for segment in SEGMENTS:
        of_it = {id for id in in_cart if visitors[id].segment is segment}
        # Four standard deviations of a share of some 100 are 20%.
        assert len(ordered & of_it) / len(of_it) == pytest.approx(segment.nudges["free-gift"], abs=0.2)


async def test_some_come_back_for_their_basket_and_look_at_nothing_else() -> None:
    api = Api()
    await sent(api, list(arriving(600, 1)))
    looked, in_cart = set(api.asked_for("home-row")), set(api.asked_for("cart-nudge"))
    assert len(looked | in_cart) == 600
    # Four standard deviations of a share of 600 are 8%.
    assert len(in_cart - looked) / 600 == pytest.approx(RETURNS, abs=0.08)


async def test_whoever_is_in_the_cart_is_known_by_where_they_came_from_alone() -> None:
    api = Api()
    visitors = {visitor.id: visitor for visitor in arriving(100, 1)}
    await sent(api, list(visitors.values()))
    told = [(message["anonymousId"], message["context"]) for message in api.told if message["type"] == "page"]
    for body in api.asked:
        if body["placements"][0]["id"] == "cart-nudge":
            assert body["context"]["page"] == {"url": "https://shop.example/cart", "type": "cart"}
            assert (body["anonymousId"], visitors[body["anonymousId"]].context) in told


async def test_every_other_one_has_landed_before_and_the_address_no_longer_says_where_from() -> None:
    api = Api()
    visitors = list(arriving(100, 1))
    await sent(api, visitors)
    landed = {visitor.id for visitor in visitors if int(visitor.id, 16) % 2 == 0}
    told = [(message["anonymousId"], message["context"]) for message in api.told if message["type"] == "page"]
    assert all((visitor.id, visitor.context) in told for visitor in visitors if visitor.id in landed)
    in_row = [body for body in api.asked if body["placements"][0]["id"] == "home-row"]
    assert 10 < len(landed.intersection(api.asked_for("home-row"))) < len(in_row) - 10
    for body in in_row:
        has_source = "utm_source" in body["context"]["page"]["url"]
        assert has_source == (body["anonymousId"] not in landed)
    first: dict[tuple[str, str], int] = {}
    for number, (path, id) in enumerate(api.calls):
        first.setdefault((path, id), number)
    assert all(first["/v1/batch", id] < first["/v1/decide", id] for id in landed)


async def test_a_fallback_is_neither_seen_nor_clicked_as_far_as_is_told() -> None:
    api = Api(group="fallback")
    tally, nudged = await sent(api, list(arriving(20, 1)))
    assert {message.get("event", message["type"]) for message in api.told} == {"page", "Order Completed"}
    assert tally.fallbacks == len(api.asked_for("home-row")) * SLOTS > 0
    assert nudged.fallbacks == len(api.asked_for("cart-nudge")) > 0


def test_likings_and_nudges_are_those_of_the_policies() -> None:
    assert {segment.likes for segment in SEGMENTS} < {action.features["category"] for action in ROW.actions}
    assert all(segment.nudges.keys() == {action.id for action in NUDGE.actions} for segment in SEGMENTS)


def test_some_like_to_be_nudged_and_some_do_not_whatever_is_in_their_basket() -> None:
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
