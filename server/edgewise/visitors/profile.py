"""A visitor's profile, in at most 8 KB. A typical one is well under 1 KB.

A profile is a fold over the visitor's activities. It holds digests of ids, never the ids. Every part has a bound: the
newest or the most frequent details stay, and counters always stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edgewise.errors import ProfileError
from edgewise.types import Digest, Milliseconds
from edgewise.visitors import names
from edgewise.visitors.activity import NO_SURROUNDINGS, Activity, Surroundings
from edgewise.visitors.cart import Cart
from edgewise.visitors.counted_orders import CountedOrders, is_counted, with_order
from edgewise.visitors.interests import Score, add_interest
from edgewise.visitors.names import Count, Seconds, add_counts, bounded, seconds
from edgewise.visitors.orders import NO_ORDERS, Orders
from edgewise.visitors.products import WEIGHTS, Commerce
from edgewise.visitors.sources import Source, earlier, later
from edgewise.visitors.traits import Traits, free_bytes, set_at, with_traits

LIMIT_BYTES = 8176
"""A little less than the store accepts, because a redirect holds a profile and the id that it moves to."""

SESSION_GAP: Milliseconds = 30 * 60 * 1000
"""A visitor who was inactive for longer than this starts a new session."""

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
"""Bytes that are kept of a message's digest. A false match among 64 messages has a chance of 1 in 67 million."""

Time = Annotated[int, Meta(ge=0, le=MAX_TIME)]


class Profile(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """A visitor's history. Times are of the server's clock. `ids` are the latest known ids, the newest last.

    `origin` is when and under which id the profile began. That id decides the visitor's control group for good.
    `merged` has tokens of the histories that were merged into this one. `engaged` adds up the seconds between
    activities of one session. `counted_orders` are the orders that must not count again.
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
    surroundings: Surroundings = NO_SURROUNDINGS
    surrounded: Seconds = 0
    traits: Traits = {}
    ids: Annotated[tuple[Digest, ...], Meta(max_length=MAX_IDS)] = ()
    merged: Annotated[tuple[Digest, ...], Meta(max_length=MAX_MERGED)] = ()
    recent: Annotated[bytes, Meta(max_length=MARK * REMEMBERED_MESSAGES)] = b""
    counted_orders: CountedOrders = b""

    @property
    def orders(self) -> int:
        return self.purchases.count

    @property
    def revenue(self) -> float:
        return self.purchases.revenue

    def apply(self, activity: Activity) -> Profile:
        """Return the profile after an activity, or itself if the message is one of the last 64.

        A message that repeats an order is remembered, and changes nothing else.
        """
        mark = activity.message[:MARK]
        if has_mark(self.recent, mark):
            return self
        changes: dict[str, Any] = {"recent": (self.recent + mark)[-MARK * REMEMBERED_MESSAGES :]}
        if self.repeats_order(activity):
            return msgspec.structs.replace(self, **changes)
        changes["ids"] = _with_ids(self.ids, activity.ids)
        if self.origin is None and activity.ids:
            changes["origin"] = (min(max(activity.at, 0), MAX_TIME), activity.ids[0])
        if activity.seen:
            times = {bounded(name): seconds(activity.at) for name in activity.seen}
            changes["seen"] = names.merge_times(self.seen, times, MAX_SEEN)
        else:
            changes |= self._visit_changes(activity) | self._context_changes(activity)
            if activity.commerce is not None:
                changes |= self._commerce_changes(activity.name or "", activity.commerce, activity.at)
        if activity.order is not None:
            amount = 0.0 if activity.commerce is None else activity.commerce.amount
            changes["counted_orders"] = with_order(
                self.counted_orders, activity.order, seconds(activity.at), amount, activity.message
            )
        return msgspec.structs.replace(self, **changes)

    def repeats_order(self, activity: Activity) -> bool:
        """Whether another message reported the same order before."""
        order = activity.order
        return order is not None and is_counted(self.counted_orders, order, seconds(activity.at), activity.message)

    def fitted(self) -> Profile:
        """The profile as it is stored. Traits that do not fit are left out, the oldest first."""
        if not self.traits or (excess := len(msgspec.msgpack.encode(self)) - LIMIT_BYTES) <= 0:
            return self
        return msgspec.structs.replace(self, traits=free_bytes(self.traits, excess))

    def encode(self) -> bytes:
        """Encode the fitted profile, to at most `LIMIT_BYTES`."""
        encoded = msgspec.msgpack.encode(self)
        return encoded if len(encoded) <= LIMIT_BYTES else msgspec.msgpack.encode(self.fitted())

    def _visit_changes(self, activity: Activity) -> dict[str, Any]:
        at = min(max(activity.at, 0), MAX_TIME)
        new_session = self.sessions == 0 or at > self.last_seen + SESSION_GAP
        page = activity.kind in ("page", "screen")
        return {
            "first_seen": min(self.first_seen, at) if self.sessions else at,
            "last_seen": max(self.last_seen, at),
            "sessions": add_counts(self.sessions, int(new_session)),
            "engaged": self.engaged if new_session else add_counts(self.engaged, max(at - self.last_seen, 0) // 1000),
            "page_views": add_counts(self.page_views, int(page)),
            "pages": names.count_name(self.pages, activity.page, MAX_PAGES) if page and activity.page else self.pages,
            "events": names.count_name(self.events, activity.name, MAX_EVENT_NAMES)
            if activity.kind == "track" and activity.name
            else self.events,
            "searches": add_counts(self.searches, int(activity.name == "Products Searched")),
        }

    def _context_changes(self, activity: Activity) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if activity.source is not None:
            changes["first_source"] = earlier(self.first_source, activity.source)
            changes["last_source"] = later(self.last_source, activity.source)
        at = seconds(activity.at)
        if at >= self.surrounded and any(activity.surroundings):
            known = zip(activity.surroundings, self.surroundings, strict=True)
            changes["surroundings"] = Surroundings(*(bounded(new) if new else old for new, old in known))
            changes["surrounded"] = at
        if activity.traits:
            changes["traits"] = with_traits(self.traits, activity.traits, set_at(at, by_server=activity.by_server))
        return changes

    def _commerce_changes(self, event: str, commerce: Commerce, at: Milliseconds) -> dict[str, Any]:
        categories, brands, products = self.categories, self.brands, self.products
        if weight := WEIGHTS.get(event):
            for category in dict.fromkeys((commerce.category, *(product.category for product in commerce.products))):
                if category:
                    categories = add_interest(categories, category, weight, at, MAX_INTERESTS)
            for brand in dict.fromkeys(product.brand for product in commerce.products):
                if brand:
                    brands = add_interest(brands, brand, weight, at, MAX_INTERESTS)
        viewed = event == "Product Viewed"
        if viewed:
            for product in commerce.products:
                if product.id is not None:
                    products = _with_time(products, product.id, at, MAX_PRODUCTS)
        return {
            "categories": categories,
            "brands": brands,
            "products": products,
            "products_viewed": add_counts(self.products_viewed, int(viewed)),
            "cart": self.cart.after(event, commerce, seconds(at)),
            "purchases": self.purchases.after(event, commerce.amount, seconds(at)),
        }


_decoder = msgspec.msgpack.Decoder(Profile)


def decode(stored: bytes) -> Profile:
    """Decode a profile.

    Raises:
        ProfileError: this version does not know the format.
    """
    try:
        return _decoder.decode(stored)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"Expected an encoded profile, found {len(stored)} bytes: {error}.") from error


def has_mark(recent: bytes, mark: bytes) -> bool:
    return any(recent[start : start + MARK] == mark for start in range(0, len(recent), MARK))


def _with_time(times: Mapping[str, int], name: str, at: Milliseconds, limit: int) -> dict[str, int]:
    return names.merge_times(times, {bounded(name): seconds(at)}, limit)


def _with_ids(known: tuple[Digest, ...], more: tuple[Digest, ...]) -> tuple[Digest, ...]:
    if set(more) <= set(known):
        return known
    return tuple(dict.fromkeys((*known, *more)))[-MAX_IDS:]
