"""What targeting costs: a decide call with a full profile, conditions and segments, next to one without.

Three kinds of calls are measured: those of visitors of whom nothing is known, those of visitors with a full profile,
and those of the latter where each action has a condition and the site has segments.

python -m load_tests.targeting CALLS ROUNDS

The real door is called without a server, in turns. All policies have the same 21 actions, all of them eligible, and
the model of the shop's. The store is the one that EDGEWISE_REDIS names. Prints the result as JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import product
from time import process_time

import msgspec
import uvloop
from msgspec import Struct

from edgewise.http.auth import Gate
from edgewise.http.bodies import read_messages
from edgewise.http.decide import Decide
from edgewise.http.formats import JSON
from edgewise.policies.policy import Action, Policy
from edgewise.policies.site import Site
from edgewise.serving.decider import Decider
from edgewise.serving.decision_id import KEY_BYTES, DecisionIds
from edgewise.serving.follower import Follower
from edgewise.serving.recorder import Recorder
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.types import Condition
from load_tests import shop
from load_tests.anatomy import CANDIDATES, Browser, together
from load_tests.client import Mismeasured

BARE, PROFILED, TARGETED = SITES = "bare", "profiled", "targeted"

CONDITIONS: Sequence[Condition] = (
    {"visitor.orders": {"$gte": 1}},
    {"visitor.revenue": {"$gt": 50}},
    {"visitor.pageViews": {"$gte": 3}},
    {"visitor.sessions": {"$lt": 100}},
    {"visitor.productsViewed": {"$gte": 1}},
    {"visitor.segments": {"$nin": ["bargain-hunter"]}},
    {"visitor.segments": {"$nin": ["back-after-30-days", "tea-lover"]}},
    {"visitor.minutesSinceCart": {"$lt": 600}},
    {"visitor.daysSinceOrder": {"$lte": 90}},
    {"visitor.traits.trait-3": "value 3"},
    {"page.type": {"$ne": "checkout"}},
    {"page.type": {"$in": ["home", "category", "product"]}},
    {"page.path": {"$regex": "^/"}},
    {"device.type": {"$in": ["mobile", "tablet", "desktop"]}},
    {"device.type": "desktop", "time.hour": {"$gte": 0}},
    {"time.weekday": {"$lte": 7}},
    {"locale.language": {"$in": ["de", "en", "fr"]}},
    {"data.basketValue": {"$lt": 1000}},
    {"$or": [{"visitor.topCategory": "tea"}, {"visitor.productsViewed": {"$gt": 3}}]},
    {"data.loggedIn": False},
)
"""One for each action, and each of them holds for every visitor here."""

SEGMENTS: dict[str, Condition] = {
    "new-visitor": {"visitor.sessions": {"$lte": 1}},
    "frequent-buyer": {"visitor.orders": {"$gte": 3}},
    "high-value": {"visitor.revenue": {"$gte": 500}},
    "left-a-cart": {"visitor.cartItems": {"$gte": 1}, "visitor.minutesSinceCart": {"$gte": 30}},
    "back-after-30-days": {"visitor.daysSinceLast": {"$gte": 30}},
    "aware": {"visitor.productsViewed": {"$lt": 1}},
    "considering": {"visitor.productsViewed": {"$gte": 1}, "visitor.orders": {"$lt": 1}},
    "from-mail": {"$or": [{"page.medium": "email"}, {"visitor.last.medium": "email"}]},
    "tea-lover": {"visitor.categories.tea": {"$gt": 2}},
    "bargain-hunter": {"visitor.first.campaign": {"$regex": "sale|bargain"}},
}


class Targeting(Struct, frozen=True):
    """Microseconds of CPU of a call in its door, and round by round what conditions and segments make of it: `ratios`
    next to a call with the same profile, `all_in` next to one without a profile, either."""

    bare: float
    profiled: float
    targeted: float
    ratios: Sequence[float]
    all_in: Sequence[float]


async def compare(store: Store, settings: Settings, calls: int, rounds: int) -> Targeting:
    """Measure both in turns, so many calls each in so many rounds.

    Raises:
        Mismeasured: a call was not answered as it must be.
    """
    assert settings.secret_key is not None
    follower = Follower(store)
    follower.serve_files(_sites())
    checkpoint = await store.checkpoints.read(shop.policy_ref(CANDIDATES))
    if checkpoint is None:
        raise Mismeasured("targeting: found no model of the shop's, expected one to score with")
    for site in follower.sites.values():
        site.placements["hero"].load(checkpoint)
    ids = DecisionIds([await store.registry.decision_keys(os.urandom(KEY_BYTES))])
    await _fill_profiles(Recorder(store, ids, follower.find), follower)
    door = Decide(Gate(follower, settings.secret_key), Decider(store, ids, settings.decide_budget / 1000), 1 << 20)
    browsers = [Browser(door, _requests(site)) for site in SITES]
    for browser in browsers:
        await _cpu(browser, calls)
    times = [[await _cpu(browser, calls) for browser in browsers] for _ in range(rounds)]
    bare, profiled, targeted = (min(column) / calls * 1e6 for column in zip(*times, strict=True))
    return Targeting(
        bare,
        profiled,
        targeted,
        [with_them / profile for _, profile, with_them in times],
        [with_them / nothing for nothing, _, with_them in times],
    )


def _sites() -> list[Site]:
    actions = [Action(f"offer-{index}", {"discount": index * 5 % 35}) for index in range(CANDIDATES + 1)]
    # The baseline is for everyone, so it is one more.
    targeted = [
        actions[0],
        *(Action(one.id, one.features, when=when) for one, when in zip(actions[1:], CONDITIONS, strict=True)),
    ]
    plain, full = (Policy("hero", tuple(some), ("offer-0",), control_share=0.0) for some in (actions, targeted))
    return [
        Site(BARE, BARE, ("*",), (plain,), robots="learn"),
        Site(PROFILED, PROFILED, ("*",), (plain,), robots="learn"),
        Site(TARGETED, TARGETED, ("*",), (full,), robots="learn", segments=SEGMENTS),
    ]


def _requests(site: str) -> list[bytes]:
    return [
        shop.browser_request(
            "/v1/decide",
            {**shop.decide_body(index, CANDIDATES), "writeKey": site, "placements": ["hero"]},
            "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        )
        for index in range(len(shop.VISITORS))
    ]


async def _fill_profiles(recorder: Recorder, follower: Follower) -> None:
    """Everything that a profile has room for happens to every visitor of two of the sites."""
    for site, visitor in product((PROFILED, TARGETED), shop.VISITORS):
        raw = [
            msgspec.json.encode({"anonymousId": visitor, "messageId": f"{visitor}-{number}", **message})
            for number, message in enumerate(_past())
        ]
        messages, wrong = read_messages(raw, JSON)
        refused = [*wrong, *await recorder.record(follower.sites[site], messages, None)]
        if refused:
            raise Mismeasured(f"profile: found {refused[0]}, expected every message to be taken")


def _past() -> list[dict[str, object]]:
    kinds: list[dict[str, object]] = [{"type": "page", "properties": {"type": f"kind-{n}"}} for n in range(8)]

    def event(name: str, **properties: object) -> dict[str, object]:
        return {"type": "track", "event": name, "properties": properties}

    def item(number: int) -> dict[str, object]:
        category, brand = f"category-{number % 8}", f"brand-{number % 8}"
        return {"product_id": f"stoneware-{number}", "category": category, "brand": brand, "price": 19.9, "quantity": 1}

    return [
        {"type": "identify", "traits": {f"trait-{number}": f"value {number}" for number in range(6)}},
        *kinds,
        *(event("Product Viewed", **item(number)) for number in range(12)),
        *(event("Product Added", **item(number)) for number in range(6)),
        *(event("Order Completed", revenue=59.9, order_id=f"o-{number}") for number in range(2)),
        *(event("Product Added", **item(number)) for number in range(6)),
        *(event(f"Own Event {number}") for number in range(16)),
    ]


async def _cpu(browser: Browser, calls: int) -> float:
    began = process_time()
    await together(browser.call, calls)
    return process_time() - began


async def _main(calls: int, rounds: int) -> None:
    settings = Settings.load({}, os.environ)
    assert settings.redis is not None
    store = await Store.connect(settings.redis)
    try:
        print(msgspec.json.encode(await compare(store, settings, calls, rounds)).decode())
    finally:
        await store.close()


if __name__ == "__main__":
    uvloop.run(_main(*map(int, sys.argv[1:])))
