"""The values of a visitor's attributes, made from a profile. `attribute_table.py` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from edgewise.types import Milliseconds
from edgewise.visitors import interests
from edgewise.visitors.cart import Cart
from edgewise.visitors.names import seconds
from edgewise.visitors.needed_attributes import ALL_ATTRIBUTES, NeededAttributes
from edgewise.visitors.partial_profile import PartialProfile
from edgewise.visitors.profile import Profile
from edgewise.visitors.sources import Source
from edgewise.visitors.traits import Traits, decode_traits
from edgewise.visitors.vocabulary import read_device, read_locale

_DAY = 24 * 3600
_EMPTY: Mapping[str, Any] = {}


def make_attributes(
    profile: Profile | PartialProfile | None,
    now: Milliseconds,
    sensitive: frozenset[str] = frozenset(),
    needed: NeededAttributes = ALL_ATTRIBUTES,
) -> dict[str, Any]:
    """Make the attributes of a visitor at a time. A visitor without a profile has only counters, which are 0.

    The result lacks `sensitive` traits, and what never happened. It may lack attributes on demand that are not
    `needed`.
    """
    if profile is None:
        return dict(_OF_NEW_VISITOR)
    found = _counters(profile)
    names = needed.names
    second = seconds(now)
    if profile.sessions:
        _add_times(found, profile, second, names)
    if profile.cart.items:
        _add_cart(found, profile.cart, second, names)
    if profile.categories:
        found["topCategory"] = interests.find_top(profile.categories)
        if "categories" in names:
            found["categories"] = interests.find_current_worths(profile.categories, now, needed.parts.get("categories"))
    if profile.brands:
        found["topBrand"] = interests.find_top(profile.brands)
        if "brands" in names:
            found["brands"] = interests.find_current_worths(profile.brands, now, needed.parts.get("brands"))
    if type(profile) is Profile:  # isinstance() is slower for a class that does not match.
        _add_details(found, profile, second)
    if profile.last_source is not None and profile.first_source is not None:
        found["source"] = profile.last_source.source
        if "last" in names:
            found["last"] = _describe_source(profile.last_source)
        if "first" in names:
            found["first"] = _describe_source(profile.first_source)
    if "traits" in names and (traits := _traits_of(profile)):
        wanted = needed.parts.get("traits", traits)
        found["traits"] = {name: traits[name][1] for name in wanted if name in traits and name not in sensitive}
    return found


def _counters(profile: Profile | PartialProfile) -> dict[str, Any]:
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
        "events": _EMPTY,
        "pages": _EMPTY,
        "traits": _EMPTY,
    }


def _add_times(found: dict[str, Any], profile: Profile | PartialProfile, second: int, names: Set[str]) -> None:
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
    """Add the attributes that a partial profile lacks."""
    found["events"], found["pages"] = profile.events, profile.pages
    if profile.products:
        found["products"] = list(profile.products)
    if profile.seen:
        found["daysSinceSeen"] = {name: _days(second, at) for name, at in profile.seen.items()}
    if profile.surrounded:
        device, locale, found["timezone"], found["part"] = profile.surroundings
        # A profile of an earlier release has the client's words.
        found["device"], found["locale"] = read_device(device), locale and _describe_locale(locale)


def _traits_of(profile: Profile | PartialProfile) -> Traits:
    if type(profile) is Profile:
        return profile.traits
    raw: Any = profile.traits
    return decode_traits(raw)


def _describe_locale(tag: str) -> str | None:
    locale = read_locale(tag)
    return None if locale is None else locale.tag


def _describe_source(source: Source) -> Mapping[str, str]:
    return {
        "source": source.source,
        "medium": source.medium,
        "campaign": source.campaign,
        "referrer": source.referrer,
        "landing": source.landing,
    }


def _days(now: int, then: int) -> int:
    return (now - then) // _DAY if now > then else 0


_OF_NEW_VISITOR = make_attributes(Profile(), 0)
