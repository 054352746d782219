"""The attributes of a visitor: what conditions and features read under `visitor`. See docs/profiles.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.types import Milliseconds
from edgewise.visitors import interests
from edgewise.visitors.names import seconds
from edgewise.visitors.profile import Profile

_DAY = 24 * 3600
_STRANGER = Profile()


def attributes(profile: Profile | None, now: Milliseconds, sensitive: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What is known of this visitor now; None is one of whom nothing is known. What never happened is left out.

    Traits that are `sensitive` are left out too.
    """
    if profile is None:
        return dict(_OF_A_STRANGER)
    orders, cart = profile.purchases, profile.cart
    found: dict[str, Any] = {
        "returning": profile.sessions > 1,
        "sessions": profile.sessions,
        "pageViews": profile.page_views,
        "orders": orders.count,
        "revenue": round(orders.revenue, 2),
        "searches": profile.searches,
        "productsViewed": profile.products_viewed,
        "cartItems": cart.quantity if cart.items else 0,
        "events": profile.events,
        "pages": profile.pages,
        "traits": {name: value for name, (_, value) in profile.traits.items() if name not in sensitive}
        if profile.traits
        else _NONE,
    }
    second = seconds(now)
    if profile.sessions:
        found["daysSinceFirst"] = _days(second, profile.first_seen // 1000)
        found["daysSinceLast"] = _days(second, profile.last_seen // 1000)
        found["secondsPerPage"] = profile.engaged // (profile.page_views or 1)
    if orders.count:
        found["daysSinceOrder"] = _days(second, orders.last)
    if cart.items:
        found["cart"] = list(cart.items)
        found["cartValue"] = round(cart.value, 2)
        found["minutesSinceCart"] = max(second - cart.touched, 0) // 60
    if profile.categories:
        found["topCategory"] = interests.top(profile.categories)
        found["categories"] = interests.worths(profile.categories, now)
    if profile.brands:
        found["topBrand"] = interests.top(profile.brands)
        found["brands"] = interests.worths(profile.brands, now)
    if profile.products:
        found["products"] = list(profile.products)
    if profile.seen:
        found["daysSinceSeen"] = {name: _days(second, at) for name, at in profile.seen.items()}
    if profile.last_source is not None and profile.first_source is not None:
        found["source"] = profile.last_source.source
        found["last"] = _source(profile.last_source)
        found["first"] = _source(profile.first_source)
    if profile.surrounded:
        device, locale, timezone, part = profile.surroundings
        found["device"], found["locale"], found["timezone"], found["part"] = device, locale, timezone, part
    return found


def _source(source: Any) -> Mapping[str, str]:
    return {
        "source": source.source,
        "medium": source.medium,
        "campaign": source.campaign,
        "referrer": source.referrer,
        "landing": source.landing,
    }


def _days(now: int, then: int) -> int:
    return max(now - then, 0) // _DAY


_NONE: Mapping[str, Any] = {}
_OF_A_STRANGER = attributes(_STRANGER, 0)
