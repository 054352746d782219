"""The visitor's state: the profile and the exposure, loaded from the store for one decide call."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from edgewise.decisions.engine import DecisionInput
from edgewise.decisions.exposure import Exposure
from edgewise.decisions.request import DecideCall, PlacementRequest
from edgewise.ids.decision import new_key
from edgewise.ids.visitor import visitor_digests
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.store import Store
from edgewise.store.exposures import ExposureCommands
from edgewise.types import Attributes, Digest, Milliseconds, Span
from edgewise.visitors.attributes import make_attributes
from edgewise.visitors.consent import page_context
from edgewise.visitors.identity import read_partial_profile, read_profile, read_redirect, resolve_profile
from edgewise.visitors.partial_profile import PartialProfile
from edgewise.visitors.profile import Profile
from edgewise.wall_clock import now_ms

MAX_REDIRECTS = 16
"""The most redirects that a call follows, one round trip each. A message of the visitor shortens a longer path."""


class VisitorState(NamedTuple):
    """All that the decisions of a call depend on, besides the policies. Without consent or an id it has no visitor.

    `attributes` are the context and the visitor's attributes. `control_point` is a number from 0 to 1, the same in each
    call of a visitor. Below a policy's control share, the visitor is in its control group. `exposure` is None if no
    requested policy needs it, or if the visitor is unknown.
    """

    attributes: Attributes
    now: Milliseconds
    digests: tuple[Digest, ...] = ()
    control_point: float | None = None
    exposure: Exposure | None = None

    def decision_input(self, request: PlacementRequest, compiled: CompiledPolicy) -> DecisionInput:
        """The input of a new decision. Without an exposure, it bars every action that is limited by it."""
        return DecisionInput(
            attributes=self.attributes,
            now=self.now,
            exclude=request.exclude,
            barred=compiled.limited_actions if self.exposure is None else self.exposure.barred(compiled),
            key=new_key(),
            slots=request.slot_count(compiled.policy.slots),
            control_point=self.control_point,
            digests=self.digests,
        )


async def load_visitor_state(store: Store, call: DecideCall) -> VisitorState:
    """Read the visitor's profile and exposure in one batch.

    Raises:
        StoreError: the store did not answer before the deadline.
    """
    site, visitor = call.site, call.visitor
    if visitor.consent != "granted":
        return VisitorState(page_context(call.context), _now(call))
    digests = visitor_digests(visitor.anonymous_id, visitor.user_id)
    if not digests:
        return VisitorState(call.context, _now(call))
    spans = () if call.log_mode == "robot" else _needed_spans(call)
    profile, exposure = await _load(store, call, digests, spans)
    if exposure is not None:
        exposure.is_known = profile is not None and profile.sessions > 1
    now = _now(call)
    attributes = {**call.context, "visitor": make_attributes(profile, now, site.sensitive, site.needed_attributes)}
    if site.segments and _uses_segments(call):
        attributes["visitor"]["segments"] = site.segments.of(attributes)
    return VisitorState(attributes, now, digests, _control_point(site.name, _first_id(profile, digests)), exposure)


async def _load(
    store: Store, call: DecideCall, digests: tuple[Digest, ...], spans: Sequence[Span]
) -> tuple[Profile | PartialProfile | None, Exposure | None]:
    # The exposure belongs to the first id, which is the browser's. It stays the same when the visitor logs in.
    if not spans:
        return await _load_profile(store, call, digests[-1]), None
    return await gather(_load_profile(store, call, digests[-1]), _load_exposure(store, call, digests[0], spans))


async def _load_profile(store: Store, call: DecideCall, visitor: Digest) -> Profile | PartialProfile | None:
    """The visitor's profile, read again under each id that it was moved to. None if it is too far away."""
    records: dict[Digest, bytes | None] = {}
    while len(records) <= MAX_REDIRECTS:
        command = store.profiles.read_command(call.site.name, visitor)
        records[visitor] = stored = await store.pipeline.submit(command, call.deadline)
        redirect = read_redirect(stored)
        if redirect is None:
            break
        visitor = redirect.to
    else:
        return None
    if len(records) > 1:
        return resolve_profile(next(iter(records)), records)
    if stored is None:
        return None
    return read_profile(stored) if call.site.needed_attributes.needs_full_profile else read_partial_profile(stored)


async def _load_exposure(store: Store, call: DecideCall, visitor: Digest, spans: Sequence[Span]) -> Exposure:
    exposures = ExposureCommands(call.site.name, visitor)
    commands = [*exposures.read_commands(spans)]
    if call.log_mode == "decision":  # A preview is not a visit, so it does not extend the session.
        commands += exposures.extend_session_commands(spans)
    replies = await gather(*[store.pipeline.submit(command, call.deadline) for command in commands])
    return Exposure(exposures, spans, replies[: len(spans)])


def _now(call: DecideCall) -> Milliseconds:
    return now_ms() if call.now is None else call.now


def _needed_spans(call: DecideCall) -> tuple[Span, ...]:
    placements = call.site.placements
    needed = {
        span
        for request in call.requests
        if (placement := placements.get(request.placement)) is not None
        for span in placement.compiled.spans
    }
    return tuple(needed)


def _uses_segments(call: DecideCall) -> bool:
    placements = map(call.site.placements.get, (request.placement for request in call.requests))
    return any(placement is not None and placement.compiled.uses_segments for placement in placements)


def _first_id(profile: Profile | PartialProfile | None, digests: tuple[Digest, ...]) -> Digest:
    """The id of the visitor's first visit, on any device."""
    return digests[0] if profile is None or profile.origin is None else profile.origin[1]


def _control_point(site: str, first_id: Digest) -> float:
    digest = blake2b(first_id + site.encode(), digest_size=8, person=b"control").digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
