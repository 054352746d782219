"""A profile: what is known of a visitor, in at most 4 KB (well under 1 KB for a typical one).

It is a fold over the visitor's messages. No id stands in it in the clear, and nothing in it grows without a bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from edgewise.errors import ProfileError
from edgewise.types import Digest, Milliseconds
from edgewise.visitors.message import Kind

LIMIT_BYTES = 4096
SESSION_GAP: Milliseconds = 30 * 60 * 1000
"""A visitor who was away for longer than this starts a new session."""

MAX_EVENT_NAMES = 24
MAX_NAME_BYTES = 64
MAX_IDS = 8
MAX_COUNT = 2**53
MAX_REVENUE = 1e12
REMEMBERED_MESSAGES = 64

_MARK = 4
"""Bytes kept of a message's digest: a wrong match among 64 is one in 67 million."""

_Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]


class Act(NamedTuple):
    """One thing that a visitor did, at a time of the server's clock. `ids` are all that it says of who it was."""

    kind: Kind
    name: str | None
    at: Milliseconds
    message: Digest
    ids: tuple[Digest, ...] = ()
    revenue: float = 0.0


class Profile(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What is known of a visitor. Times are of the server's clock; `ids` are the latest known, newest last."""

    format: Literal[1] = 1
    first_seen: _Count = 0
    last_seen: _Count = 0
    sessions: _Count = 0
    page_views: _Count = 0
    orders: _Count = 0
    revenue: float = 0.0
    events: Annotated[dict[str, _Count], Meta(max_length=MAX_EVENT_NAMES)] = {}
    ids: Annotated[tuple[Digest, ...], Meta(max_length=MAX_IDS)] = ()
    recent: Annotated[bytes, Meta(max_length=_MARK * REMEMBERED_MESSAGES)] = b""

    def apply(self, act: Act) -> Profile:
        """The profile after this; itself, when the message is one of the last 64 already."""
        mark = act.message[:_MARK]
        if _holds(self.recent, mark):
            return self
        new_session = self.sessions == 0 or act.at > self.last_seen + SESSION_GAP
        order = act.kind == "track" and act.name == "Order Completed"
        return msgspec.structs.replace(
            self,
            first_seen=min(self.first_seen, act.at) if self.sessions else act.at,
            last_seen=max(self.last_seen, act.at),
            sessions=_counted(self.sessions, new_session),
            page_views=_counted(self.page_views, act.kind in ("page", "screen")),
            orders=_counted(self.orders, order),
            revenue=min(max(self.revenue + act.revenue, -MAX_REVENUE), MAX_REVENUE) if order else self.revenue,
            events=_with_event(self.events, act.name) if act.kind == "track" and act.name else self.events,
            ids=_with_ids(self.ids, act.ids),
            recent=(self.recent + mark)[-_MARK * REMEMBERED_MESSAGES :],
        )

    def encode(self) -> bytes:
        """The bytes that the store keeps: never more than `LIMIT_BYTES`."""
        return msgspec.msgpack.encode(self)


def decode(stored: bytes) -> Profile:
    """The profile in these bytes.

    Raises:
        ProfileError: the bytes are not a profile that this version knows.
    """
    try:
        return _decoder.decode(stored)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{len(stored)} bytes are not a profile: {error}") from error


def attributes(profile: Profile | None) -> Mapping[str, Any]:
    """What conditions and features see under `visitor`. None is a visitor of whom nothing is known."""
    if profile is None:
        return _OF_A_STRANGER
    return {
        "returning": profile.sessions > 1,
        "sessions": profile.sessions,
        "pageViews": profile.page_views,
        "orders": profile.orders,
        "revenue": round(profile.revenue, 2),
        "events": profile.events,
    }


def _holds(recent: bytes, mark: bytes) -> bool:
    return any(recent[start : start + _MARK] == mark for start in range(0, len(recent), _MARK))


def _counted(count: int, happened: bool) -> int:
    return min(count + happened, MAX_COUNT)


def _with_event(events: Mapping[str, int], name: str) -> dict[str, int]:
    """One more of these. When there are too many names, the one that was counted least makes room."""
    name = name.encode("utf-8", "replace")[:MAX_NAME_BYTES].decode("utf-8", "ignore")
    counts = dict(events)
    if name not in counts and len(counts) >= MAX_EVENT_NAMES:
        del counts[min(counts, key=counts.__getitem__)]
    counts[name] = _counted(counts.get(name, 0), True)
    return counts


def _with_ids(known: tuple[Digest, ...], more: tuple[Digest, ...]) -> tuple[Digest, ...]:
    if set(more) <= set(known):
        return known
    return tuple(dict.fromkeys((*known, *more)))[-MAX_IDS:]


_decoder = msgspec.msgpack.Decoder(Profile)
_OF_A_STRANGER = attributes(Profile())
