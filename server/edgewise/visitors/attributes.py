"""The attributes of a visitor: what conditions and features read under `visitor`. See docs/guides/profiles.md."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from edgewise.types import Milliseconds
from edgewise.visitors import interests
from edgewise.visitors.cart import Cart
from edgewise.visitors.names import seconds
from edgewise.visitors.needed_attributes import EVERYTHING, Reading
from edgewise.visitors.partial_profile import Glance
from edgewise.visitors.profile import Profile

_DAY = 24 * 3600
_STRANGER = Profile()


def attributes(
    profile: Profile | Glance | None,
    now: Milliseconds,
    sensitive: frozenset[str] = frozenset(),
    reading: Reading = EVERYTHING,
) -> dict[str, Any]:
    """What is known of this visitor now; None is one of whom nothing is known. What never happened is left out.

    Traits that are `sensitive` are left out too. Of what is for conditions only, what the `reading` does not ask for
    may be missing.
    """
    if profile is None:
        return dict(_OF_A_STRANGER)
    found = _counters(profile)
    names = reading.names
    second = seconds(now)
    if profile.sessions:
        _add_times(found, profile, second, names)
    if profile.cart.items:
        _add_cart(found, profile.cart, second, names)
    if profile.categories:
        found["topCategory"] = interests.top(profile.categories)
        if "categories" in names:
            found["categories"] = interests.worths(profile.categories, now, reading.parts.get("categories"))
    if profile.brands:
        found["topBrand"] = interests.top(profile.brands)
        if "brands" in names:
            found["brands"] = interests.worths(profile.brands, now, reading.parts.get("brands"))
    if type(profile) is Profile:  # isinstance() takes its time to find that it is none.
        _add_details(found, profile, second)
    if profile.last_source is not None and profile.first_source is not None:
        found["source"] = profile.last_source.source
        if "last" in names:
            found["last"] = _source(profile.last_source)
        if "first" in names:
            found["first"] = _source(profile.first_source)
    if profile.traits and "traits" in names:
        told = profile.traits
        asked = reading.parts.get("traits", told)
        found["traits"] = {name: told[name][1] for name in asked if name in told and name not in sensitive}
    return found


def _counters(profile: Profile | Glance) -> dict[str, Any]:
    orders, items = profile.purchases, profile.cart.items
    return {
        "returning": profile.sessions > 1,
        "sessions": profile.sessions,
        "pageViews": profile.page_views,
        "orders": orders.count,
        "revenue": round(orders.revenue, 2),
        "searches": profile.searches,
        "productsViewed": profile.products_viewed,
        "cartItems": profile.cart.quantity if items else 0,
        "events": _NONE,
        "pages": _NONE,
        "traits": _NONE,
    }


def _add_times(found: dict[str, Any], profile: Profile | Glance, second: int, names: Set[str]) -> None:
    if "daysSinceFirst" in names:
        found["daysSinceFirst"] = _days(second, profile.first_seen // 1000)
    if "daysSinceLast" in names:
        found["daysSinceLast"] = _days(second, profile.last_seen // 1000)
    if "secondsPerPage" in names:
        found["secondsPerPage"] = profile.engaged // (profile.page_views or 1)
    if "daysSinceOrder" in names and profile.purchases.count:
        found["daysSinceOrder"] = _days(second, profile.purchases.last)


def _add_cart(found: dict[str, Any], cart: Cart, second: int, names: Set[str]) -> None:
    if "cart" in names:
        found["cart"] = list(cart.items)
    if "cartValue" in names:
        found["cartValue"] = round(cart.value, 2)
    if "minutesSinceCart" in names:
        found["minutesSinceCart"] = max(second - cart.touched, 0) // 60


def _add_details(found: dict[str, Any], profile: Profile, second: int) -> None:
    """What a glance does not tell."""
    found["events"], found["pages"] = profile.events, profile.pages
    if profile.products:
        found["products"] = list(profile.products)
    if profile.seen:
        found["daysSinceSeen"] = {name: _days(second, at) for name, at in profile.seen.items()}
    if profile.surrounded:
        found["device"], found["locale"], found["timezone"], found["part"] = profile.surroundings


def _source(source: Any) -> Mapping[str, str]:
    return {
        "source": source.source,
        "medium": source.medium,
        "campaign": source.campaign,
        "referrer": source.referrer,
        "landing": source.landing,
    }


def _days(now: int, then: int) -> int:
    return (now - then) // _DAY if now > then else 0


_NONE: Mapping[str, Any] = {}
_OF_A_STRANGER = attributes(_STRANGER, 0)
