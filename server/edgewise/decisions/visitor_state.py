"""What is known of a visitor when they ask: their profile, in one read, and what they were shown."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from edgewise.decisions.exposure import Remembered
from edgewise.decisions.request import Asked, Trace, Visitor
from edgewise.ids.visitor import visitor_digests
from edgewise.serving.served import ServedSite
from edgewise.store import Store
from edgewise.store.exposures import Showings
from edgewise.types import Digest, Milliseconds, Span
from edgewise.visitors.attributes import attributes as attributes_of
from edgewise.visitors.consent import page_context
from edgewise.visitors.identity import glanced, moved, readable, resolved
from edgewise.visitors.partial_profile import DETAILS, Glance
from edgewise.visitors.profile import Profile
from edgewise.wall_clock import now_ms


class Known(NamedTuple):
    """The context, with what is known of the visitor. Without an id or consent, that is nothing.

    `now` is when it is asked, since the epoch; None for the clock's time, to be read where it is needed.
    `control_point` is where the visitor stands between 0 and 1: below a policy's control share, in its control group.
    `remembered` is what they were shown; None where no policy that is asked needs it, or it cannot be known.
    """

    attributes: Mapping[str, Any]
    now: Milliseconds | None = None
    digests: tuple[Digest, ...] = ()
    control_point: float | None = None
    remembered: Remembered | None = None


async def known_of(
    store: Store,
    site: ServedSite,
    visitor: Visitor,
    asked: Sequence[Asked],
    attributes: dict[str, Any],
    now: Milliseconds | None,
    trace: Trace,
    deadline: float,
) -> Known:
    """What is known of this visitor; `attributes` is the context, to which theirs are added.

    Raises:
        StoreError: the store did not tell in time.
    """
    if visitor.consent != "granted":
        return Known(page_context(attributes), now)
    digests = visitor_digests(visitor.anonymous_id, visitor.user_id)
    if not digests:
        return Known(attributes, now)
    spans = () if trace == "robot" else _spans(site, asked)
    profile, remembered = await _read(store, site, digests, spans, trace, deadline)
    attributes["visitor"] = attributes_of(profile, now_ms(), site.sensitive, site.reading)
    _add_segments(site, asked, attributes)
    return Known(attributes, now, digests, _control_point(site.name, _first_id(profile, digests)), remembered)


async def _read(
    store: Store, site: ServedSite, digests: tuple[Digest, ...], spans: Sequence[Span], trace: Trace, deadline: float
) -> tuple[Profile | Glance | None, Remembered | None]:
    """The visitor's profile and, for these spans, what they were shown: in one flush.

    What was shown is remembered by the first id, a browser's: it stays the same when its visitor identifies.
    """
    if not spans:
        return await _profile(store, site, digests[-1], deadline), None
    return await gather(
        _profile(store, site, digests[-1], deadline), _remembered(store, site, digests[0], spans, trace, deadline)
    )


async def _profile(store: Store, site: ServedSite, visitor: Digest, deadline: float) -> Profile | Glance | None:
    """The visitor's profile: one read, and another one for each id that it moved on to."""
    records: dict[Digest, bytes | None] = {}
    while True:
        command = store.profiles.read_command(site.name, visitor)
        records[visitor] = stored = await store.lane.submit(command, deadline)
        note = moved(stored)
        if note is None:
            break
        visitor = note.to
    if len(records) > 1:
        return resolved(next(iter(records)), records)
    if stored is None:
        return None
    return readable(stored) if site.reading.names & DETAILS else glanced(stored)


async def _remembered(
    store: Store, site: ServedSite, visitor: Digest, spans: Sequence[Span], trace: Trace, deadline: float
) -> Remembered:
    showings = Showings(site.name, visitor)
    touches = showings.touch_commands(spans) if trace == "decision" else ()  # A preview is no visit.
    commands = [*showings.read_commands(spans), *touches]
    replies = await gather(*[store.lane.submit(command, deadline) for command in commands])
    return Remembered(showings, spans, replies[: len(spans)])


def _spans(site: ServedSite, asked: Sequence[Asked]) -> tuple[Span, ...]:
    """For which spans of time it must be known what the visitor was shown."""
    used = {
        span
        for one in asked
        if (placement := site.placements.get(one.placement)) is not None
        for span in placement.compiled.spans
    }
    return tuple(used)


def _add_segments(site: ServedSite, asked: Sequence[Asked], attributes: dict[str, Any]) -> None:
    """Tell the visitor's segments, where a policy that is asked heeds them."""
    for one in asked if site.segments else ():
        placement = site.placements.get(one.placement)
        if placement is not None and placement.compiled.uses_segments:
            attributes["visitor"]["segments"] = site.segments.of(attributes)
            return


def _first_id(profile: Profile | Glance | None, digests: tuple[Digest, ...]) -> Digest:
    """The id under which the visitor was first known, on whatever device that was."""
    return digests[0] if profile is None or profile.origin is None else profile.origin[1]


def _control_point(site: str, first_id: Digest) -> float:
    """The same for a visitor of a site always."""
    digest = blake2b(first_id + site.encode(), digest_size=8, person=b"control").digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
