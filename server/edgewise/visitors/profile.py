"""A profile: what is known of a visitor, in at most 4 KB (well under 1 KB for a typical one).

It is a fold over the visitor's acts. No visitor's id stands in it in the clear, and every part of it has a bound: what
is newest or most frequent stays, counters never go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edgewise.errors import ProfileError
from edgewise.types import Digest, Milliseconds
from edgewise.visitors import names
from edgewise.visitors.activity import NOWHERE, Act, Surroundings
from edgewise.visitors.cart import Cart
from edgewise.visitors.interests import Score, interested
from edgewise.visitors.names import Count, Seconds, bounded, counted, seconds
from edgewise.visitors.orders import NO_ORDERS, Orders
from edgewise.visitors.products import WEIGHTS, Commerce
from edgewise.visitors.sources import Source, first, last
from edgewise.visitors.traits import Traits, with_traits

LIMIT_BYTES = 4080
"""A little less than the store takes: a profile on the move travels with the name of where it goes."""

SESSION_GAP: Milliseconds = 30 * 60 * 1000
"""A visitor who was away for longer than this starts a new session."""

MAX_EVENT_NAMES = 16
MAX_PAGES = 6
MAX_INTERESTS = 6
MAX_PRODUCTS = 5
MAX_SEEN = 12
MAX_IDS = 8
MAX_MERGED = 16
MAX_TIME = 2**53
REMEMBERED_MESSAGES = 64

MARK = 4
"""Bytes kept of a message's digest: a wrong match among 64 is one in 67 million."""

Time = Annotated[int, Meta(ge=0, le=MAX_TIME)]


class Profile(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What is known of a visitor. Times are of the server's clock; `ids` are the latest known, newest last.

    `origin` is when the profile began, and under which id: that one's control group stays the visitor's. `merged`
    stands for the profiles that were merged into this one. `engaged` is how many seconds lay between acts of one
    session.
    """

    format: Literal[2] = 2
    origin: tuple[Time, Digest] | None = None
    first_seen: Time = 0
    last_seen: Time = 0
    sessions: Count = 0
    engaged: Count = 0
    page_views: Count = 0
    searches: Count = 0
    products_viewed: Count = 0
    purchases: Orders = NO_ORDERS
    cart: Cart = Cart()
    events: Annotated[dict[str, Count], Meta(max_length=MAX_EVENT_NAMES)] = {}
    pages: Annotated[dict[str, Count], Meta(max_length=MAX_PAGES)] = {}
    categories: Annotated[dict[str, Score], Meta(max_length=MAX_INTERESTS)] = {}
    brands: Annotated[dict[str, Score], Meta(max_length=MAX_INTERESTS)] = {}
    products: Annotated[dict[str, Seconds], Meta(max_length=MAX_PRODUCTS)] = {}
    seen: Annotated[dict[str, Seconds], Meta(max_length=MAX_SEEN)] = {}
    first_source: Source | None = None
    last_source: Source | None = None
    surroundings: Surroundings = NOWHERE
    surrounded: Seconds = 0
    traits: Traits = {}
    ids: Annotated[tuple[Digest, ...], Meta(max_length=MAX_IDS)] = ()
    merged: Annotated[tuple[Digest, ...], Meta(max_length=MAX_MERGED)] = ()
    recent: Annotated[bytes, Meta(max_length=MARK * REMEMBERED_MESSAGES)] = b""

    @property
    def orders(self) -> int:
        """How many orders were completed."""
        return self.purchases.count

    @property
    def revenue(self) -> float:
        """What they brought, less what was refunded."""
        return self.purchases.revenue

    def apply(self, act: Act) -> Profile:
        """The profile after this; itself, when the message is one of the last 64 already."""
        mark = act.message[:MARK]
        if holds(self.recent, mark):
            return self
        changes: dict[str, Any] = {
            "recent": (self.recent + mark)[-MARK * REMEMBERED_MESSAGES :],
            "ids": _with_ids(self.ids, act.ids),
        }
        if self.origin is None and act.ids:
            changes["origin"] = (min(max(act.at, 0), MAX_TIME), act.ids[0])
        if act.seen:
            times = {bounded(name): seconds(act.at) for name in act.seen}
            changes["seen"] = names.latest(self.seen, times, MAX_SEEN)
        else:
            changes |= self._visited(act) | self._told(act)
            if act.commerce is not None:
                changes |= self._shopped(act.name or "", act.commerce, act.at)
        return msgspec.structs.replace(self, **changes)

    def encode(self) -> bytes:
        """The bytes that the store keeps: never more than `LIMIT_BYTES`."""
        return msgspec.msgpack.encode(self)

    def _visited(self, act: Act) -> dict[str, Any]:
        """Sessions, times and counts."""
        at = min(max(act.at, 0), MAX_TIME)
        new_session = self.sessions == 0 or at > self.last_seen + SESSION_GAP
        page = act.kind in ("page", "screen")
        return {
            "first_seen": min(self.first_seen, at) if self.sessions else at,
            "last_seen": max(self.last_seen, at),
            "sessions": counted(self.sessions, int(new_session)),
            "engaged": self.engaged if new_session else counted(self.engaged, max(at - self.last_seen, 0) // 1000),
            "page_views": counted(self.page_views, int(page)),
            "pages": names.with_one(self.pages, act.page, MAX_PAGES) if page and act.page else self.pages,
            "events": names.with_one(self.events, act.name, MAX_EVENT_NAMES)
            if act.kind == "track" and act.name
            else self.events,
            "searches": counted(self.searches, int(act.name == "Products Searched")),
        }

    def _told(self, act: Act) -> dict[str, Any]:
        """What a message's context and traits tell."""
        told: dict[str, Any] = {}
        if act.source is not None:
            told["first_source"] = first(self.first_source, act.source)
            told["last_source"] = last(self.last_source, act.source)
        at = seconds(act.at)
        if at >= self.surrounded and any(act.surroundings):
            known = zip(act.surroundings, self.surroundings, strict=True)
            told["surroundings"] = Surroundings(*(bounded(new) if new else old for new, old in known))
            told["surrounded"] = at
        if act.traits:
            told["traits"] = with_traits(self.traits, act.traits, at)
        return told

    def _shopped(self, event: str, commerce: Commerce, at: Milliseconds) -> dict[str, Any]:
        """Interests, products, the cart and orders."""
        categories, brands, products = self.categories, self.brands, self.products
        if weight := WEIGHTS.get(event):
            for category in dict.fromkeys((commerce.category, *(product.category for product in commerce.products))):
                if category:
                    categories = interested(categories, category, weight, at, MAX_INTERESTS)
            for brand in dict.fromkeys(product.brand for product in commerce.products):
                if brand:
                    brands = interested(brands, brand, weight, at, MAX_INTERESTS)
        viewed = event == "Product Viewed"
        if viewed:
            for product in commerce.products:
                if product.id is not None:
                    products = _with_time(products, product.id, at, MAX_PRODUCTS)
        return {
            "categories": categories,
            "brands": brands,
            "products": products,
            "products_viewed": counted(self.products_viewed, int(viewed)),
            "cart": self.cart.after(event, commerce, seconds(at)),
            "purchases": self.purchases.after(event, commerce.amount, seconds(at)),
        }


def decode(stored: bytes) -> Profile:
    """The profile in these bytes.

    Raises:
        ProfileError: the bytes are not a profile that this version knows.
    """
    try:
        return _decoder.decode(stored)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{len(stored)} bytes are not a profile: {error}") from error


def holds(recent: bytes, mark: bytes) -> bool:
    """Whether a message of this mark is among these."""
    return any(recent[start : start + MARK] == mark for start in range(0, len(recent), MARK))


def _with_time(times: Mapping[str, int], name: str, at: Milliseconds, limit: int) -> dict[str, int]:
    return names.latest(times, {bounded(name): seconds(at)}, limit)


def _with_ids(known: tuple[Digest, ...], more: tuple[Digest, ...]) -> tuple[Digest, ...]:
    if set(more) <= set(known):
        return known
    return tuple(dict.fromkeys((*known, *more)))[-MAX_IDS:]


_decoder = msgspec.msgpack.Decoder(Profile)
