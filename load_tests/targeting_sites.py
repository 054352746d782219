"""Three sites for measuring the cost of targeting, and an app that serves them.

All sites use the shop's model and one policy with the same 21 actions, which are all eligible.

- `bare`: The visitors have no profile.
- `profiled`: The visitors have a full profile.
- `targeted`: The visitors have a full profile, each action has a condition, and the site has segments.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
from starlette.applications import Starlette

from edgewise import app as service
from edgewise.app import App
from edgewise.decisions.service import DecisionService
from edgewise.events.recorder import Recorder
from edgewise.http.auth import Authenticator
from edgewise.http.content import JSON
from edgewise.http.decide import DecideEndpoint
from edgewise.http.decoding import decode_messages
from edgewise.ids.decision import KEY_BYTES, DecisionIds
from edgewise.ids.user_proof import UserProof
from edgewise.policies.policy import Action, Policy
from edgewise.policies.site_files import LoadedSite
from edgewise.serving.follower import Follower
from edgewise.settings import Settings
from edgewise.sites import Site
from edgewise.store import Store
from edgewise.types import Condition
from load_tests import bench_shop
from load_tests.load_client import MeasurementError
from load_tests.time_breakdown import CANDIDATES

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
"""One for each action. Each one is true for every visitor here."""

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


def create_app(settings: Settings) -> App:
    """The app of a worker that serves decide calls of these sites."""
    app = service.create_app(settings)
    whole = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        assert settings.redis is not None
        async with whole(app):
            store = await Store.connect(settings.redis, patience=settings.decide_budget / 1000)
            try:
                app.decide = await create_endpoint(store, settings)
                yield
            finally:
                await store.close()

    app.router.lifespan_context = lifespan
    return app


async def create_endpoint(store: Store, settings: Settings) -> DecideEndpoint:
    """The decide endpoint for these sites.

    Raises:
        MeasurementError: The store has no model of the shop.
    """
    assert settings.secret_key is not None
    follower = _follower(store)
    checkpoint = await store.checkpoints.read(bench_shop.policy_ref(CANDIDATES))
    if checkpoint is None:
        raise MeasurementError("Missing the model of the shop. Train it first.")
    for site in follower.sites.values():
        await site.placements["hero"].load_from(checkpoint)
    decisions = DecisionService(store, await _ids(store), follower.log_times, settings.decide_budget / 1000)
    return DecideEndpoint(Authenticator(follower, settings.secret_key), decisions, settings.max_body)


def requests(site: str) -> list[bytes]:
    """One request to `/v1/decide` for each visitor."""
    return [
        bench_shop.browser_request(
            "/v1/decide",
            {**bench_shop.decide_body(index, CANDIDATES), "writeKey": site, "placements": ["hero"]},
            "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        )
        for index in range(len(bench_shop.VISITORS))
    ]


async def fill_profiles(store: Store) -> None:
    """Fill the profiles of two sites' visitors to their limits, except for impressions.

    Raises:
        MeasurementError: A message was rejected.
    """
    follower = _follower(store)
    recorder = Recorder(store, await _ids(store), follower.find)
    history, proof = _history(datetime.now(UTC)), UserProof("verified", (), is_server=False)
    for site, visitor in product((PROFILED, TARGETED), bench_shop.VISITORS):
        raw = [
            msgspec.json.encode({"anonymousId": visitor, "messageId": f"{visitor}-{number}", **message})
            for number, message in enumerate(history)
        ]
        messages, wrong = decode_messages(raw, JSON)
        rejected = [*wrong, *await recorder.record(follower.sites[site], messages, None, proof)]
        if rejected:
            raise MeasurementError(f"Expected no rejected message, found {rejected[0]}.")


def _follower(store: Store) -> Follower:
    follower = Follower(store)
    follower.serve_files(_sites())
    return follower


async def _ids(store: Store) -> DecisionIds:
    return DecisionIds([await store.registry.decision_keys(os.urandom(KEY_BYTES))])


def _sites() -> list[LoadedSite]:
    actions = [Action(f"offer-{index}", {"discount": index * 5 % 35}) for index in range(CANDIDATES + 1)]
    # The baseline has no condition, so there is one more action.
    targeted = [
        actions[0],
        *(Action(one.id, one.features, when=when) for one, when in zip(actions[1:], CONDITIONS, strict=True)),
    ]
    plain, full = (Policy("hero", tuple(some), ("offer-0",), control_share=0.0) for some in (actions, targeted))
    return [
        LoadedSite(Site(BARE, BARE, ("*",), ("hero",), robots="learn"), (plain,)),
        LoadedSite(Site(PROFILED, PROFILED, ("*",), ("hero",), robots="learn"), (plain,)),
        LoadedSite(Site(TARGETED, TARGETED, ("*",), ("hero",), robots="learn", segments=SEGMENTS), (full,)),
    ]


def _history(now: datetime) -> list[dict[str, object]]:
    """Events of the last hour in order. Products added after the orders are still in the cart."""
    messages: list[dict[str, object]] = [
        {"type": "identify", "traits": {f"trait-{number}": f"value {number}" for number in range(6)}},
        *(_viewed(number) for number in range(8)),
        *(_event("Product Viewed", **_item(number)) for number in range(12)),
        *(_event("Product Added", **_item(number)) for number in range(6)),
        *(_event("Order Completed", revenue=59.9, order_id=f"o-{number}") for number in range(2)),
        *(_event("Product Added", **_item(number)) for number in range(6)),
        *(_event(f"Own Event {number}") for number in range(16)),
    ]
    began = now - timedelta(seconds=60 * len(messages))
    return [{**message, "timestamp": began + timedelta(seconds=60 * number)} for number, message in enumerate(messages)]


def _viewed(number: int) -> dict[str, object]:
    return {"type": "page", "properties": {"type": f"kind-{number}"}, "context": _CONTEXT}


def _event(name: str, **properties: object) -> dict[str, object]:
    return {"type": "track", "event": name, "properties": properties}


def _item(number: int) -> dict[str, object]:
    category, brand = f"category-{number % 8}", f"brand-{number % 8}"
    return {"product_id": f"stoneware-{number}", "category": category, "brand": brand, "price": 19.9, "quantity": 1}


_CONTEXT = {
    "page": {"url": f"{bench_shop.ORIGIN}/c/tea?utm_source=newsletter&utm_medium=email&utm_campaign=autumn"},
    "locale": "en-GB",
    "timezone": "Europe/London",
    "device": {"type": "desktop"},
}
