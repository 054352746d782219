"""The attributes of a visitor. Conditions read them under `visitor`, and docs/guides/profiles.md lists them."""

from __future__ import annotations

from typing import NamedTuple


class Attribute(NamedTuple):
    """One attribute.

    A feature is part of the model's context. `on_demand` attributes are made only if a condition needs them.
    `needs_full_profile` attributes are missing from a partial profile.
    """

    name: str
    meaning: str
    is_feature: bool = False
    on_demand: bool = False
    needs_full_profile: bool = False


ATTRIBUTES = (
    Attribute("returning", "whether there was more than one session", is_feature=True),
    Attribute("sessions", "number of sessions", is_feature=True),
    Attribute("pageViews", "number of page views", is_feature=True),
    Attribute("orders", "number of completed orders", is_feature=True),
    Attribute("revenue", "revenue of the orders, less refunds", is_feature=True),
    Attribute("cartItems", "pieces in the cart", is_feature=True),
    Attribute("topCategory", "category of the strongest interest", is_feature=True),
    Attribute("topBrand", "brand of the strongest interest", is_feature=True),
    Attribute("source", "last traffic source", is_feature=True),
    Attribute("searches", "number of searches"),
    Attribute("productsViewed", "number of product views"),
    Attribute("categories", "interest in each category", on_demand=True),
    Attribute("brands", "interest in each brand", on_demand=True),
    Attribute("cart", "ids of the products in the cart", on_demand=True),
    Attribute("cartValue", "price of the products in the cart", on_demand=True),
    Attribute("minutesSinceCart", "minutes since the cart changed", on_demand=True),
    Attribute("daysSinceFirst", "whole days since the first visit", on_demand=True),
    Attribute("daysSinceLast", "whole days since the last visit", on_demand=True),
    Attribute("daysSinceOrder", "whole days since the last order", on_demand=True),
    Attribute("secondsPerPage", "seconds of a session for each page view", on_demand=True),
    Attribute("first", "first traffic source, with its campaign", on_demand=True),
    Attribute("last", "last traffic source, with its campaign", on_demand=True),
    Attribute("traits", "values that identify calls and servers set", on_demand=True),
    Attribute("events", "count of each event", on_demand=True, needs_full_profile=True),
    Attribute("pages", "views of each page type", on_demand=True, needs_full_profile=True),
    Attribute("products", "ids of the last viewed products", on_demand=True, needs_full_profile=True),
    Attribute("daysSinceSeen", "whole days since each impression", on_demand=True, needs_full_profile=True),
    Attribute("device", "type of the last device", on_demand=True, needs_full_profile=True),
    Attribute("locale", "last language tag", on_demand=True, needs_full_profile=True),
    Attribute("timezone", "last time zone", on_demand=True, needs_full_profile=True),
    Attribute("part", "part of the day at the last message", on_demand=True, needs_full_profile=True),
)

ON_DEMAND = frozenset(one.name for one in ATTRIBUTES if one.on_demand)
FULL_PROFILE_ONLY = frozenset(one.name for one in ATTRIBUTES if one.needs_full_profile)
