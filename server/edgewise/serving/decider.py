"""How a decision is made: read the profile, keep the eligible actions, score, draw, log, answer.

The site never waits for us and never breaks: when the store does not answer within the call's budget, the answer is the
policy's baseline, without a decision id, so that nothing that follows can be learned from it.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from time import time_ns
from typing import Any, Literal, NamedTuple, TypeAlias

from edgewise.bandit.choice import choose
from edgewise.bandit.exploration import uniform
from edgewise.bandit.features import context_line
from edgewise.entries import Decision, Robot, SlotChoice, encode
from edgewise.entries import Group as LoggedGroup
from edgewise.errors import StoreError
from edgewise.serving.decision_id import DecisionIds, new_key
from edgewise.serving.follower import ServedPlacement, ServedSite
from edgewise.serving.preview import Preview, read_preview
from edgewise.serving.visitor_id import visitor_digests
from edgewise.store import Store
from edgewise.types import Consent, Digest, Milliseconds
from edgewise.visitors.attributes import attributes as attributes_of
from edgewise.visitors.consent import page_context
from edgewise.visitors.identity import moved, readable, resolved
from edgewise.visitors.profile import Profile

log = logging.getLogger(__name__)

Group: TypeAlias = Literal["policy", "control", "pinned", "fallback", "preview", "none"]
Trace: TypeAlias = Literal["decision", "robot", "none"]
"""What a call leaves in the logs: its decisions, only that a robot was answered, or nothing."""


class Visitor(NamedTuple):
    """Who asks. Without consent nothing is read or written that is tied to a person.

    A robot is answered like anyone else, and the log gets to know that there was one, and no more.
    """

    anonymous_id: str | None
    user_id: str | None
    consent: Consent = "granted"
    robot: bool = False


class Asked(NamedTuple):
    """One placement that is asked for. `slots` is None for as many as the policy has."""

    placement: str
    slots: int | None = None
    exclude: tuple[str, ...] = ()


class Shown(NamedTuple):
    """What to show in one slot. Only what was drawn or shown on purpose has a propensity."""

    action: str | None
    payload: Mapping[str, Any]
    propensity: float | None


class Decided(NamedTuple):
    """The answer for one placement. `row` says whether the policy has several slots.

    Without a `decision_id`, nothing of it was kept, and nothing that follows can be learned from it.
    """

    placement: str
    decision_id: str | None
    group: Group
    policy_version: str | None
    model_version: int | None
    slots: tuple[Shown, ...]
    row: bool


class _Drawn(NamedTuple):
    placement: ServedPlacement
    entry: Decision
    appended: Future[Any] | None
    trace: Trace


class Decider:
    """Decides. `budget` is how long a call may wait for the store, in seconds."""

    def __init__(self, store: Store, ids: DecisionIds, budget: float) -> None:
        self._store = store
        self._ids = ids
        self._budget = budget

    def preview(self, site: ServedSite, token: str) -> Preview:
        """What this token has shown on this site.

        Raises:
            WrongPreview: nothing; the error says why.
            StoreUnavailable: the keys could not be read yet.
        """
        return read_preview(self._ids, site, token, time_ns() // 1_000_000_000)

    async def decide(
        self,
        site: ServedSite,
        visitor: Visitor,
        asked: Sequence[Asked],
        attributes: dict[str, Any],
        started: float,
        now: Milliseconds | None = None,
        preview: Preview | None = None,
    ) -> list[Decided]:
        """One answer for each placement asked for, in their order; never raises for what the store does.

        `attributes` is the context; the visitor's profile is added to it. `started` is the event loop's time when
        the request came in: the budget runs from there. `now` is the time since the epoch, by default the clock's; the
        starts and ends of actions are held against it. A call with a `preview` leaves nothing in any log.
        """
        deadline = started + self._budget
        known = visitor.consent == "granted"
        if not known:
            attributes = page_context(attributes)
        trace = "none" if preview is not None else _trace(site, visitor)
        digests = visitor_digests(visitor.anonymous_id, visitor.user_id) if known else ()
        controlled = None
        if digests:
            try:
                profile = await self._profile(site, digests[-1], deadline)
                attributes["visitor"] = attributes_of(profile, time_ns() // 1_000_000, site.sensitive)
                controlled = _control_point(site.name, _first_id(profile, digests))
                _add_segments(site, asked, attributes)
            except StoreError:
                return [_fallback(site.placements.get(one.placement), one) for one in asked]
        drawn = [
            _previewed(site.placements[preview.placement], one, preview.action)
            if preview is not None and one.placement == preview.placement
            else self._draw(
                site.placements.get(one.placement), one, attributes, digests, controlled, started, deadline, trace, now
            )
            for one in asked
        ]
        return [await self._answer(one, result) for one, result in zip(asked, drawn, strict=True)]

    async def _profile(self, site: ServedSite, visitor: Digest, deadline: float) -> Profile | None:
        """The visitor's profile: one read, and another one for each id that it moved on to."""
        records: dict[Digest, bytes | None] = {}
        while True:
            command = self._store.profiles.read_command(site.name, visitor)
            records[visitor] = stored = await self._store.lane.submit(command, deadline)
            note = moved(stored)
            if note is None:
                break
            visitor = note.to
        if len(records) > 1:
            return resolved(next(iter(records)), records)
        return None if stored is None else readable(stored)

    def _draw(
        self,
        placement: ServedPlacement | None,
        asked: Asked,
        attributes: Mapping[str, Any],
        digests: tuple[Digest, ...],
        control_point: float | None,
        started: float,
        deadline: float,
        trace: Trace,
        now: Milliseconds | None,
    ) -> _Drawn | Decided:
        """Draw for one placement and hand what is left of it to the log; nothing is waited for here."""
        if placement is None:
            return _nothing(asked.placement, None)
        placement.asked_at = started
        compiled, policy = placement.compiled, placement.compiled.policy
        if not policy.enabled:
            return _baseline(placement, asked, "none")
        eligible = compiled.eligible(attributes, asked.exclude, now)
        if eligible is not None and not eligible:
            return _nothing(asked.placement, placement)
        slots = policy.slots if asked.slots is None else min(asked.slots, policy.slots)
        key = new_key()
        if control_point is None:
            control_point = uniform(key, b"control")
        group: LoggedGroup = "control" if control_point < policy.control_share else "policy"
        line = context_line(attributes, policy.features.namespaces)
        pinned = compiled.pinned(attributes, eligible)
        first = () if pinned is None else (pinned,)
        if group == "control" or policy.explore.mode == "apprentice":
            shown = (*first, *(index for index in compiled.baseline if index != pinned))[:slots]
            choices = tuple(SlotChoice(index, ()) for index in shown)
            # What is learned from must be among the eligible, and the baseline is shown whatever was excluded.
            eligible = None if eligible is None else tuple(sorted({*eligible, *shown}))
        else:
            others = range(len(policy.actions)) if eligible is None else eligible
            choices = choose(
                placement.model,
                placement.actions,
                line,
                [index for index in others if index != pinned] if first else others,
                slots - len(first),
                row=policy.slots > 1,
                floor=policy.explore.floor,
                key=key,
                first=len(first),
            )
            choices = (*(SlotChoice(index, ()) for index in first), *choices) if first else choices
        if first:
            group = "pinned"
        entry = Decision(key, compiled.version, placement.model_version, group, digests, line, eligible, choices)
        if trace == "none":
            return _Drawn(placement, entry, None, trace)
        left = encode(entry) if trace == "decision" else _A_ROBOT
        command = self._store.log.append_command(placement.ref, left)
        try:
            return _Drawn(placement, entry, self._store.lane.submit(command, deadline), trace)
        except StoreError:  # While a commit is overdue, there is nothing to wait for.
            return _fallback(placement, asked)

    async def _answer(self, asked: Asked, drawn: _Drawn | Decided) -> Decided:
        """The answer, once the store has acknowledged the entry."""
        if isinstance(drawn, Decided):
            return drawn
        placement, entry, decision_id = drawn.placement, drawn.entry, None
        if drawn.appended is not None:
            try:
                await drawn.appended
                if drawn.trace == "decision":
                    slots, tied = len(entry.slots), bool(entry.visitor)
                    decision_id = self._ids.issue(placement.policy_id, slots, entry.key, tied=tied)
            except StoreError:
                return _fallback(placement, asked)
        policy = placement.compiled.policy
        return Decided(
            asked.placement,
            decision_id,
            entry.group,
            placement.version_text,
            entry.model_version,
            tuple(
                Shown(action.id, action.payload, propensity)
                for action, propensity in _chosen(placement, entry.eligible, entry.slots)
            ),
            policy.slots > 1,
        )


def _trace(site: ServedSite, visitor: Visitor) -> Trace:
    if visitor.consent != "granted" and not site.learn_without_consent:
        return "none"
    return "robot" if visitor.robot else "decision"


def _chosen(
    placement: ServedPlacement, eligible: Sequence[int] | None, slots: Sequence[SlotChoice]
) -> list[tuple[Any, float]]:
    """Each slot's action with the propensity of having chosen it."""
    actions = placement.compiled.policy.actions
    available = list(range(len(actions)) if eligible is None else eligible)
    result = []
    for slot in slots:
        position = available.index(slot.chosen)
        result.append((actions[slot.chosen], slot.propensities[position] if slot.propensities else 1.0))
        del available[position]
    return result


def _nothing(name: str, placement: ServedPlacement | None) -> Decided:
    """No such placement, or no eligible action."""
    if placement is None:
        return Decided(name, None, "none", None, None, (Shown(None, {}, None),), False)
    row = placement.compiled.policy.slots > 1
    return Decided(name, None, "none", placement.version_text, None, () if row else (Shown(None, {}, None),), row)


def _fallback(placement: ServedPlacement | None, asked: Asked) -> Decided:
    """What is shown when the store fails us."""
    return _nothing(asked.placement, None) if placement is None else _baseline(placement, asked, "fallback")


def _baseline(placement: ServedPlacement, asked: Asked, group: Group) -> Decided:
    """The baseline, without a decision id."""
    return _shown(placement, asked, group, placement.compiled.baseline)


def _previewed(placement: ServedPlacement, asked: Asked, action: int) -> Decided:
    """An action, whatever its condition, its times and switches say; in a row the baseline follows it."""
    others = (index for index in placement.compiled.baseline if index != action)
    return _shown(placement, asked, "preview", (action, *others))


def _shown(placement: ServedPlacement, asked: Asked, group: Group, shown: Sequence[int]) -> Decided:
    policy = placement.compiled.policy
    slots = policy.slots if asked.slots is None else min(asked.slots, policy.slots)
    actions = [policy.actions[index] for index in shown[:slots]]
    return Decided(
        asked.placement,
        None,
        group,
        placement.version_text,
        None,
        tuple(Shown(action.id, action.payload, None) for action in actions),
        policy.slots > 1,
    )


def _first_id(profile: Profile | None, digests: tuple[Digest, ...]) -> Digest:
    """The id under which the visitor was first known, on whatever device that was."""
    return digests[0] if profile is None or profile.origin is None else profile.origin[1]


def _control_point(site: str, first_id: Digest) -> float:
    """Where in [0, 1) a visitor stands, always: below a policy's control share, they are in its control group."""
    digest = blake2b(site.encode(), key=first_id, digest_size=8, person=b"control").digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def _add_segments(site: ServedSite, asked: Sequence[Asked], attributes: dict[str, Any]) -> None:
    """Tell the visitor's segments, where a policy that is asked heeds them."""
    if site.segments and any(
        (placement := site.placements.get(one.placement)) is not None and placement.compiled.uses_segments
        for one in asked
    ):
        # First, so that however much else is known, they are among the features.
        attributes["visitor"] = {"segments": site.segments.of(attributes), **attributes["visitor"]}


_A_ROBOT = encode(Robot())
