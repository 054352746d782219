from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from edgewise.demo import shoppers
from edgewise.demo.shoppers import KEEPS, ORDERS, SLOTS, Shoppers
from edgewise.demo.tally import Tally
from edgewise.demo.visitors import SEGMENTS, Visitor, arriving
from edgewise.policies.policy import Policy
from edgewise.policies.site import load_sites

[SITE] = load_sites(Path(__file__).parents[2] / "policies")
[ROW] = [policy for policy in SITE.policies if policy.placement == "home-row"]
[NUDGE] = [policy for policy in SITE.policies if policy.placement == "cart-nudge"]
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

    def shown(self, visitor: str) -> list[str]:
        return Random(visitor).sample([action.id for action in ROW.actions], SLOTS)


@pytest.fixture(autouse=True)
def _hasty_shoppers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shoppers, "CLICK_AFTER", 0.0)
    monkeypatch.setattr(shoppers, "ORDER_AFTER", 0.0)


async def sent(api: Api, visitors: list[Visitor]) -> Tally:
    tally = Tally(SEGMENTS, len(visitors), {})
    async with httpx.AsyncClient(transport=httpx.MockTransport(api), base_url="http://server") as client:
        await Shoppers(client, "default", tally, ROW.actions).send(visitors, 1000)
    return tally


def names(policy: Policy) -> set[str]:
    return set(policy.reward.events)


async def test_what_shoppers_do_is_what_the_policies_reward() -> None:
    api = Api()
    tally = await sent(api, list(arriving(300, 1)))
    told = {message["event"] for message in api.told if message["type"] == "track"}
    assert told == names(ROW) | names(NUDGE) | {"$impression"}
    assert (tally.came, tally.decisions) == (300, 300 * SLOTS)
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
    assert ordered <= added.keys()
    assert len(ordered) == pytest.approx(ORDERS["free-gift"] * len(added), rel=0.35)


async def test_every_other_one_has_landed_before_and_the_address_no_longer_says_where_from() -> None:
    api = Api()
    visitors = list(arriving(100, 1))
    await sent(api, visitors)
    landed = {message["anonymousId"]: message["context"] for message in api.told if message["type"] == "page"}
    assert landed == {visitor.id: visitor.context for visitor in visitors if visitor.id in landed}
    assert 30 < len(landed) < 70
    for body in api.asked:
        has_source = "utm_source" in body["context"]["page"]["url"]
        assert has_source == (body["anonymousId"] not in landed)
    first: dict[tuple[str, str], int] = {}
    for number, (path, id) in enumerate(api.calls):
        first.setdefault((path, id), number)
    assert all(first["/v1/batch", id] < first["/v1/decide", id] for id in landed)


async def test_of_a_fallback_nothing_is_told_but_the_page() -> None:
    api = Api(group="fallback")
    tally = await sent(api, list(arriving(20, 1)))
    assert {message["type"] for message in api.told} == {"page"}
    assert tally.fallbacks == 20 * SLOTS


def test_likings_and_nudges_are_those_of_the_policies() -> None:
    assert {segment.likes for segment in SEGMENTS} < {action.features["category"] for action in ROW.actions}
    assert ORDERS.keys() == {action.id for action in NUDGE.actions}
