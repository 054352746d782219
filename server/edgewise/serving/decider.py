"""How a decision is made: read the profile, keep the eligible actions, score, draw, log, answer.

The site never waits for us and never breaks: when the store does not answer within the call's budget, the answer is the
policy's baseline, without a decision id, so that nothing that follows can be learned from it.
"""

from __future__ import annotations

import logging
from asyncio import Future, gather
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from time import time_ns
from typing import Any, Literal, NamedTuple, TypeAlias

from edgewise.bandit.choice import choose
from edgewise.bandit.exploration import uniform
from edgewise.bandit.features import context_line
from edgewise.entries import Decision, Robot, SlotChoice, encode
from edgewise.entries import Group as LoggedGroup
from edgewise.errors import StoreError
from edgewise.policies.version import CompiledPolicy
from edgewise.serving.decision_id import DecisionIds, new_key
from edgewise.serving.follower import ServedPlacement, ServedSite
from edgewise.serving.preview import Preview, read_preview
from edgewise.serving.remembered import Choice, Remembered
from edgewise.serving.visitor_id import visitor_digests
from edgewise.store import Store
from edgewise.store.showings import Showings
from edgewise.types import Consent, DecisionKey, Digest, Milliseconds, Span
from edgewise.visitors.attributes import attributes as attributes_of
from edgewise.visitors.consent import page_context
from edgewise.visitors.identity import moved, readable, resolved
from edgewise.visitors.profile import Profile

log = logging.getLogger(__name__)

_ATTEMPTS = 16
"""What may be shown changes when a cap is reached or another call's choice sticks: a few times at most."""

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


class _Call(NamedTuple):
    """What is the same for all placements of a call."""

    attributes: Mapping[str, Any]
    digests: tuple[Digest, ...]
    control_point: float | None
    started: float
    deadline: float
    trace: Trace
    now: Milliseconds | None
    remembered: Remembered | None


class _Setting(NamedTuple):
    """What a draw is made from: the eligible actions (None: all), and the rules that go before it."""

    key: DecisionKey
    eligible: tuple[int, ...] | None
    pinned: int | None
    controlled: bool
    slots: int


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
        controlled, remembered = None, None
        if digests:
            try:
                profile, remembered = await self._read(site, digests, asked, trace, deadline)
                attributes["visitor"] = attributes_of(profile, time_ns() // 1_000_000, site.sensitive)
                controlled = _control_point(site.name, _first_id(profile, digests))
                _add_segments(site, asked, attributes)
            except StoreError:
                return [_fallback(site.placements.get(one.placement), one) for one in asked]
        call = _Call(attributes, digests, controlled, started, deadline, trace, now, remembered)
        drawn = [
            _previewed(site.placements[preview.placement], one, preview.action)
            if preview is not None and one.placement == preview.placement
            else await self._decide(call, site.placements.get(one.placement), one)
            for one in asked
        ]
        return [await self._answer(one, result) for one, result in zip(asked, drawn, strict=True)]

    async def _read(
        self, site: ServedSite, digests: tuple[Digest, ...], asked: Sequence[Asked], trace: Trace, deadline: float
    ) -> tuple[Profile | None, Remembered | None]:
        """The visitor's profile and, where a policy that is asked needs it, what they were shown: in one flush.

        What was shown is remembered by the first id, a browser's: it stays the same when its visitor identifies.
        """
        spans = _spans(site, asked) if trace == "decision" else ()
        if not spans:
            return await self._profile(site, digests[-1], deadline), None
        return await gather(
            self._profile(site, digests[-1], deadline), self._remembered(site, digests[0], spans, deadline)
        )

    async def _remembered(
        self, site: ServedSite, visitor: Digest, spans: Sequence[Span], deadline: float
    ) -> Remembered:
        showings = Showings(site.name, visitor)
        commands = [*showings.read_commands(spans), *showings.touch_commands(spans)]
        replies = await gather(*[self._store.lane.submit(command, deadline) for command in commands])
        return Remembered(showings, spans, replies[: len(spans)])

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

    async def _decide(self, call: _Call, placement: ServedPlacement | None, asked: Asked) -> _Drawn | Decided:
        """Decide for one placement, and hand what was drawn to the log. Nothing is waited for, unless a policy counts
        what it shows or sticks to it."""
        if placement is None:
            return _nothing(asked.placement, None)
        placement.asked_at = call.started
        if not placement.compiled.policy.enabled:
            return _baseline(placement, asked, "none")
        if placement.compiled.spans and call.remembered is not None:
            return await self._reserve(call, call.remembered, placement, asked)
        # A cap that cannot be counted, and a bar that cannot be looked up, are kept by not showing the action.
        setting = _setting(call, placement, asked, placement.compiled.held)
        if isinstance(setting, Decided):
            return setting
        return self._log(call, placement, asked, _draw(call, placement, setting))

    async def _reserve(
        self, call: _Call, remembered: Remembered, placement: ServedPlacement, asked: Asked
    ) -> _Drawn | Decided:
        """Decide, and count what is shown, in a step that fails where somebody else's meanwhile changed what may be
        shown: then it is decided anew. That does not depend on what was drawn, so propensities stay true."""
        compiled = placement.compiled
        for _ in range(_ATTEMPTS):
            setting = _setting(call, placement, asked, remembered.barred(compiled))
            if isinstance(setting, Decided):
                return setting
            choice = remembered.choice(compiled)
            stays = choice is not None and _stays(compiled, choice, setting)
            drawn = None if stays else _draw(call, placement, setting)
            try:
                if drawn is None:
                    assert choice is not None
                    repeat = self._repeat(placement, asked, choice, setting.slots)
                    shown = [compiled.index[action] for action, _ in choice.slots[: setting.slots]]
                    if not remembered.must_count(compiled, shown):
                        return repeat
                    command = remembered.reserve_command(placement, shown, None, None)
                else:
                    command = remembered.reserve_command(
                        placement, [slot.chosen for slot in drawn.slots], drawn, _sticking(placement, drawn)
                    )
                reply = await self._store.lane.submit(command, call.deadline)
            except StoreError:
                return _fallback(placement, asked)
            if reply == 1:
                return repeat if drawn is None else self._log(call, placement, asked, drawn)
            remembered.take(compiled.spans, reply)
        log.error("policy %s/%s: lost %d races to count what is shown", *placement.ref, _ATTEMPTS)
        return _fallback(placement, asked)

    def _repeat(self, placement: ServedPlacement, asked: Asked, choice: Choice, slots: int) -> Decided:
        """A choice that sticks, shown again: the same decision, with the propensity of its draw."""
        compiled = placement.compiled
        return Decided(
            asked.placement,
            self._ids.issue(placement.policy_id, len(choice.slots), choice.key, tied=True),
            choice.group,
            choice.version,
            choice.model_version,
            tuple(
                Shown(action, compiled.payloads[compiled.index[action]], propensity)
                for action, propensity in choice.slots[:slots]
            ),
            compiled.policy.slots > 1,
        )

    def _log(self, call: _Call, placement: ServedPlacement, asked: Asked, entry: Decision) -> _Drawn | Decided:
        """Hand what is left of a decision to the log."""
        if call.trace == "none":
            return _Drawn(placement, entry, None, call.trace)
        left = encode(entry) if call.trace == "decision" else _A_ROBOT
        command = self._store.log.append_command(placement.ref, left)
        try:
            return _Drawn(placement, entry, self._store.lane.submit(command, call.deadline), call.trace)
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


def _setting(call: _Call, placement: ServedPlacement, asked: Asked, barred: Collection[int]) -> _Setting | Decided:
    """What may be shown to whom; the answer at once, where that is nothing."""
    compiled, policy = placement.compiled, placement.compiled.policy
    eligible = compiled.eligible(call.attributes, asked.exclude, call.now, barred)
    if eligible is not None and not eligible:
        return _nothing(asked.placement, placement)
    key = new_key()
    point = uniform(key, b"control") if call.control_point is None else call.control_point
    return _Setting(
        key,
        eligible,
        compiled.pinned(call.attributes, eligible),
        point < policy.control_share,
        policy.slots if asked.slots is None else min(asked.slots, policy.slots),
    )


def _draw(call: _Call, placement: ServedPlacement, setting: _Setting) -> Decision:
    """Draw for one placement."""
    compiled, policy = placement.compiled, placement.compiled.policy
    key, eligible, pinned, controlled, slots = setting
    group: LoggedGroup = "pinned" if pinned is not None else "control" if controlled else "policy"
    first = () if pinned is None else (pinned,)
    line = context_line(call.attributes, policy.features.namespaces)
    if controlled or policy.explore.mode == "apprentice":
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
    return Decision(key, compiled.version, placement.model_version, group, call.digests, line, eligible, choices)


def _stays(compiled: CompiledPolicy, choice: Choice, setting: _Setting) -> bool:
    """Whether a choice that sticks may be shown again: all of it, to one who is still in the same group."""
    if setting.pinned is not None or choice.group != ("control" if setting.controlled else "policy"):
        return False
    eligible = range(len(compiled.policy.actions)) if setting.eligible is None else setting.eligible
    allowed = {*eligible, *compiled.baseline} if setting.controlled else {*eligible}
    return len(choice.slots) >= min(setting.slots, len(allowed)) and all(
        compiled.index.get(action) in allowed for action, _ in choice.slots[: setting.slots]
    )


def _sticking(placement: ServedPlacement, drawn: Decision) -> Choice | None:
    """What a draw leaves behind, if its policy sticks to it. A pin is a rule, and holds by itself."""
    if placement.compiled.policy.sticky == "request" or drawn.group == "pinned":
        return None
    slots = tuple((action.id, p) for action, p in _chosen(placement, drawn.eligible, drawn.slots))
    return Choice(drawn.key, drawn.group, placement.version_text, drawn.model_version, slots)


def _spans(site: ServedSite, asked: Sequence[Asked]) -> tuple[Span, ...]:
    """For which spans of time it must be known what the visitor was shown."""
    used = {
        span
        for one in asked
        if (placement := site.placements.get(one.placement)) is not None
        for span in placement.compiled.spans
    }
    return tuple(used)


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
    digest = blake2b(first_id + site.encode(), digest_size=8, person=b"control").digest()
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
