"""Merging of two profiles that turn out to be of one visitor.

`merge(one, other)` equals `merge(other, one)`: only the content of the profiles decides.
"""

from __future__ import annotations

from edgewise.types import Digest
from edgewise.visitors import names
from edgewise.visitors.activity import Surroundings
from edgewise.visitors.counted_orders import ORDER_COMPLETED, merge_counted
from edgewise.visitors.interests import merge_interests
from edgewise.visitors.names import add_counts
from edgewise.visitors.profile import (
    MARK,
    MAX_EVENT_NAMES,
    MAX_IDS,
    MAX_INTERESTS,
    MAX_MERGED,
    MAX_PAGES,
    MAX_PRODUCTS,
    MAX_SEEN,
    REMEMBERED_MESSAGES,
    Profile,
)
from edgewise.visitors.sources import earlier, later
from edgewise.visitors.traits import merge_traits


def merge(one: Profile, other: Profile) -> Profile:
    """Merge two profiles that have no activity in common. An order that both have counted counts once."""
    counted_orders, repeated = merge_counted(one.counted_orders, other.counted_orders)
    events = names.merge_counts(one.events, other.events, MAX_EVENT_NAMES)
    if repeated and ORDER_COMPLETED in events:
        events[ORDER_COMPLETED] = max(events[ORDER_COMPLETED] - len(repeated), 1)
    visited = [profile.first_seen for profile in (one, other) if profile.sessions]
    origins = [profile.origin for profile in (one, other) if profile.origin is not None]
    older, newer = sorted((one, other), key=lambda profile: (profile.last_seen, profile.encode()))
    return Profile(
        origin=min(origins, default=None),
        first_seen=min(visited, default=0),
        last_seen=max(one.last_seen, other.last_seen),
        sessions=add_counts(one.sessions, other.sessions),
        engaged=add_counts(one.engaged, other.engaged),
        page_views=add_counts(one.page_views, other.page_views),
        searches=add_counts(one.searches, other.searches),
        products_viewed=add_counts(one.products_viewed, other.products_viewed),
        purchases=one.purchases.merged(other.purchases).without(repeated),
        cart=one.cart.merged(other.cart),
        events=events,
        pages=names.merge_counts(one.pages, other.pages, MAX_PAGES),
        categories=merge_interests(one.categories, other.categories, MAX_INTERESTS),
        brands=merge_interests(one.brands, other.brands, MAX_INTERESTS),
        products=names.merge_times(one.products, other.products, MAX_PRODUCTS),
        seen=names.merge_times(one.seen, other.seen, MAX_SEEN),
        first_source=earlier(one.first_source, other.first_source),
        last_source=later(one.last_source, other.last_source),
        surroundings=_merge_surroundings(one, other),
        surrounded=max(one.surrounded, other.surrounded),
        traits=merge_traits(one.traits, other.traits),
        ids=_keep_last(older.ids, newer.ids, MAX_IDS),
        merged=_keep_last(older.merged, newer.merged, MAX_MERGED),
        recent=merge_recent(older.recent, newer.recent),
        counted_orders=counted_orders,
    )


def _merge_surroundings(one: Profile, other: Profile) -> Surroundings:
    known = sorted((profile.surrounded, [part or "" for part in profile.surroundings]) for profile in (one, other))
    pairs = zip(known[0][1], known[1][1], strict=True)
    return Surroundings(*(new or old or None for old, new in pairs))


def _keep_last(older: tuple[Digest, ...], newer: tuple[Digest, ...], limit: int) -> tuple[Digest, ...]:
    """Keep the last of both. If there are too many, each keeps at least half of the room."""
    kept = max(limit - len(newer), limit // 2)
    tail = older[-kept:]
    return tuple(dict.fromkeys((*tail, *newer[-(limit - len(tail)) :])))


def merge_recent(older: bytes, newer: bytes) -> bytes:
    """The marks of the last messages of both."""
    split = (_marks(older), _marks(newer))
    return b"".join(_keep_last(*split, REMEMBERED_MESSAGES))


def _marks(recent: bytes) -> tuple[bytes, ...]:
    return tuple(recent[start : start + MARK] for start in range(0, len(recent), MARK))
