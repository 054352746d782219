"""A glance at a profile: what nearly every decide call needs of it, in two thirds of the time.

What is left raw is not even looked at: whoever changes a profile reads all of it.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from edgewise.errors import ProfileError
from edgewise.types import Digest
from edgewise.visitors.cart import Cart
from edgewise.visitors.interests import Score
from edgewise.visitors.names import Count, Seconds
from edgewise.visitors.orders import Orders
from edgewise.visitors.profile import Time
from edgewise.visitors.sources import Source
from edgewise.visitors.traits import Traits

DETAILS = frozenset({"daysSinceSeen", "device", "events", "locale", "pages", "part", "products", "timezone"})
"""The attributes that a glance does not tell."""


class Glance(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """The fields of a profile, in their order."""

    format: Literal[2]
    origin: tuple[Time, Digest] | None
    first_seen: Time
    last_seen: Time
    sessions: Count
    engaged: Count
    page_views: Count
    searches: Count
    products_viewed: Count
    purchases: Orders
    cart: Cart
    events: Raw
    pages: Raw
    categories: dict[str, Score]
    brands: dict[str, Score]
    products: Raw
    seen: Raw
    first_source: Source | None
    last_source: Source | None
    surroundings: Raw
    surrounded: Seconds
    traits: Traits
    ids: Raw
    merged: Raw
    recent: Raw


def glance(stored: bytes) -> Glance:
    """A glance at the profile in these bytes.

    Raises:
        ProfileError: what was looked at is not of a profile that this version knows.
    """
    try:
        return _decoder.decode(stored)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{len(stored)} bytes are not a profile: {error}") from error


_decoder = msgspec.msgpack.Decoder(Glance)
