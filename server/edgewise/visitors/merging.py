"""Merging: one profile of two histories that turn out to be one visitor's.

`merge(one, other)` is the same as `merge(other, one)`: all that decides is in the profiles.
"""

from __future__ import annotations

from edgewise.types import Digest
from edgewise.visitors import names
from edgewise.visitors.activity import Surroundings
from edgewise.visitors.interests import combined
from edgewise.visitors.names import counted
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
from edgewise.visitors.sources import first, last
from edgewise.visitors.traits import united


def merge(one: Profile, other: Profile) -> Profile:
    """What is known of a visitor who has both histories. They must not have an act in common."""
    lived = [profile.first_seen for profile in (one, other) if profile.sessions]
    origins = [profile.origin for profile in (one, other) if profile.origin is not None]
    older, newer = sorted((one, other), key=lambda profile: (profile.last_seen, profile.encode()))
    return Profile(
        origin=min(origins, default=None),
        first_seen=min(lived, default=0),
        last_seen=max(one.last_seen, other.last_seen),
        sessions=counted(one.sessions, other.sessions),
        engaged=counted(one.engaged, other.engaged),
        page_views=counted(one.page_views, other.page_views),
        searches=counted(one.searches, other.searches),
        products_viewed=counted(one.products_viewed, other.products_viewed),
        purchases=one.purchases.merged(other.purchases),
        cart=one.cart.merged(other.cart),
        events=names.summed(one.events, other.events, MAX_EVENT_NAMES),
        pages=names.summed(one.pages, other.pages, MAX_PAGES),
        categories=combined(one.categories, other.categories, MAX_INTERESTS),
        brands=combined(one.brands, other.brands, MAX_INTERESTS),
        products=names.latest(one.products, other.products, MAX_PRODUCTS),
        seen=names.latest(one.seen, other.seen, MAX_SEEN),
        first_source=first(one.first_source, other.first_source),
        last_source=last(one.last_source, other.last_source),
        surroundings=_surroundings(one, other),
        surrounded=max(one.surrounded, other.surrounded),
        traits=united(one.traits, other.traits),
        ids=_shared(older.ids, newer.ids, MAX_IDS),
        merged=_shared(older.merged, newer.merged, MAX_MERGED),
        recent=_recent(older.recent, newer.recent),
    )


def _surroundings(one: Profile, other: Profile) -> Surroundings:
    known = sorted((profile.surrounded, [part or "" for part in profile.surroundings]) for profile in (one, other))
    pairs = zip(known[0][1], known[1][1], strict=True)
    return Surroundings(*(new or old or None for old, new in pairs))


def _shared(older: tuple[Digest, ...], newer: tuple[Digest, ...], limit: int) -> tuple[Digest, ...]:
    """The last of both; when there are too many, each keeps at least half of the room."""
    kept = max(limit - len(newer), limit // 2)
    tail = older[-kept:]
    return tuple(dict.fromkeys((*tail, *newer[-(limit - len(tail)) :])))


def _recent(older: bytes, newer: bytes) -> bytes:
    split = (_marks(older), _marks(newer))
    return b"".join(_shared(*split, REMEMBERED_MESSAGES))


def _marks(recent: bytes) -> tuple[bytes, ...]:
    return tuple(recent[start : start + MARK] for start in range(0, len(recent), MARK))
