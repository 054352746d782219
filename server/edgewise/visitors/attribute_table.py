"""The attributes that conditions read, with their values.

`CONTEXT` has those of a request, and `ATTRIBUTES` those under `visitor`. docs/reference/attributes.md and
docs/guides/profiles.md list them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from edgewise.visitors import attribute_values as values
from edgewise.visitors.attribute_values import Values
from edgewise.visitors.cart import MAX_ITEMS
from edgewise.visitors.profile import MAX_PRODUCTS

CONTEXT: Mapping[str, Values] = {
    "page.url": values.URL,
    "page.path": values.PATH,
    "page.type": values.TEXT,
    "page.referrer": values.HOST,
    "page.source": values.CAMPAIGN,
    "page.medium": values.CAMPAIGN,
    "page.campaign": values.CAMPAIGN,
    "device.type": values.DEVICE,
    "place.country": values.COUNTRY,
    "locale.language": values.LANGUAGE,
    "locale.region": values.REGION,
    "time.hour": values.number(0, 23),
    "time.weekday": values.WEEKDAY,
    "time.part": values.PART,
    "data": values.OPEN,
}

_SOURCE: Mapping[str, Values] = {
    "source": values.SOURCE,
    "medium": values.KEPT_CAMPAIGN,
    "campaign": values.KEPT_CAMPAIGN,
    "referrer": values.HOST._replace(may_be_empty=True),
    "landing": values.PATH._replace(may_be_empty=True),
}


class Attribute(NamedTuple):
    """One attribute of a visitor. `parts` are the values of its keys, if it is a table with fixed keys.

    A feature is part of the model's context. `on_demand` attributes are made only if a condition needs them.
    `needs_full_profile` attributes are missing from a partial profile.
    """

    name: str
    values: Values
    meaning: str
    is_feature: bool = False
    on_demand: bool = False
    needs_full_profile: bool = False
    parts: Mapping[str, Values] = {}


ATTRIBUTES = (
    Attribute("returning", values.BOOLEAN, "whether there was more than one session", is_feature=True),
    Attribute("sessions", values.COUNT, "number of sessions", is_feature=True),
    Attribute("pageViews", values.COUNT, "number of page views", is_feature=True),
    Attribute("orders", values.COUNT, "number of completed orders", is_feature=True),
    Attribute("revenue", values.MONEY, "revenue of the orders, less refunds", is_feature=True),
    Attribute("cartItems", values.COUNT, "pieces in the cart", is_feature=True),
    Attribute("topCategory", values.KEPT_TEXT, "category of the strongest interest", is_feature=True),
    Attribute("topBrand", values.KEPT_TEXT, "brand of the strongest interest", is_feature=True),
    Attribute("source", values.SOURCE, "last traffic source", is_feature=True),
    Attribute("searches", values.COUNT, "number of searches"),
    Attribute("productsViewed", values.COUNT, "number of product views"),
    Attribute("categories", values.OPEN, "interest in each category", on_demand=True),
    Attribute("brands", values.OPEN, "interest in each brand", on_demand=True),
    Attribute("cart", values.LIST._replace(high=MAX_ITEMS), "ids of the products in the cart", on_demand=True),
    Attribute("cartValue", values.AMOUNT, "price of the products in the cart", on_demand=True),
    Attribute("minutesSinceCart", values.COUNT, "minutes since the cart changed", on_demand=True),
    Attribute("daysSinceFirst", values.COUNT, "whole days since the first visit", on_demand=True),
    Attribute("daysSinceLast", values.COUNT, "whole days since the last visit", on_demand=True),
    Attribute("daysSinceOrder", values.COUNT, "whole days since the last order", on_demand=True),
    Attribute("secondsPerPage", values.COUNT, "seconds of a session for each page view", on_demand=True),
    Attribute("first", values.GROUP, "first traffic source, with its campaign", on_demand=True, parts=_SOURCE),
    Attribute("last", values.GROUP, "last traffic source, with its campaign", on_demand=True, parts=_SOURCE),
    Attribute("traits", values.OPEN, "values that identify calls and servers set", on_demand=True),
    Attribute("events", values.OPEN, "count of each event", on_demand=True, needs_full_profile=True),
    Attribute("pages", values.OPEN, "views of each page type", on_demand=True, needs_full_profile=True),
    Attribute(
        "products",
        values.LIST._replace(high=MAX_PRODUCTS),
        "ids of the last viewed products",
        on_demand=True,
        needs_full_profile=True,
    ),
    Attribute(
        "daysSinceSeen", values.OPEN, "whole days since each impression", on_demand=True, needs_full_profile=True
    ),
    Attribute("device", values.DEVICE, "type of the last device", on_demand=True, needs_full_profile=True),
    Attribute("locale", values.LOCALE, "last language tag", on_demand=True, needs_full_profile=True),
    Attribute("timezone", values.ZONE, "last time zone", on_demand=True, needs_full_profile=True),
    Attribute("part", values.PART, "part of the day at the last message", on_demand=True, needs_full_profile=True),
)

SEGMENTS = "visitor.segments"


def _paths() -> Iterator[tuple[str, Values]]:
    yield from CONTEXT.items()
    yield SEGMENTS, values.LIST
    for one in ATTRIBUTES:
        yield f"visitor.{one.name}", one.values
        yield from ((f"visitor.{one.name}.{part}", its_values) for part, its_values in one.parts.items())
    groups = dict.fromkeys(path.partition(".")[0] for path in CONTEXT if "." in path)
    yield from ((group, values.GROUP) for group in (*groups, "visitor"))


VALUES: Mapping[str, Values] = dict(_paths())
"""The values of every attribute by its dotted path. Tables of attributes are in it too."""

ON_DEMAND = frozenset(one.name for one in ATTRIBUTES if one.on_demand)
FULL_PROFILE_ONLY = frozenset(one.name for one in ATTRIBUTES if one.needs_full_profile)
