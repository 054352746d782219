"""How a decision is made: read what is known, draw, hand it to the log, answer.

The site never waits for us and never breaks: when the store does not answer within the call's budget, the answer is the
policy's baseline, without a decision id, so that nothing that follows can be learned from it.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from typing import Any, NamedTuple

from edgewise.decisions import result as decided
from edgewise.decisions.caps import reserve
from edgewise.decisions.engine import draw, setting_of
from edgewise.decisions.explanation import explain
from edgewise.decisions.exposure import Choice, Remembered
from edgewise.decisions.preview_token import Preview, read_preview
from edgewise.decisions.request import Asked, Trace, Visitor
from edgewise.decisions.result import Decided
from edgewise.decisions.visitor_state import Known, known_of
from edgewise.entries import Decision, Robot, encode
from edgewise.errors import StoreError
from edgewise.ids.decision import DecisionIds
from edgewise.serving.served import ServedPlacement, ServedSite
from edgewise.store import Store
from edgewise.types import Milliseconds
from edgewise.wall_clock import now_ms


class _Call(NamedTuple):
    """What is the same for all placements of a call. Times are the event loop's."""

    known: Known
    trace: Trace
    started: float
    deadline: float


class _Drawn(NamedTuple):
    """A decision on its way into the log; `appended` is None where it leaves nothing there."""

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
        return read_preview(self._ids, site, token, now_ms() // 1000)

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

        Raises:
            WrongPreview: the preview does not show what is asked for.
        """
        if not asked:
            # A page without placements asks nothing but whether it may keep the visitor's id.
            return []
        deadline = started + self._budget
        trace = "none" if preview is not None else _trace(site, visitor)
        known: Known | None
        try:
            known = await known_of(self._store, site, visitor, asked, attributes, now, trace, deadline)
        except StoreError:
            known = None
        call = None if known is None else _Call(known, trace, started, deadline)
        drawn = [await self._show(call, site, one, preview) for one in asked]
        answers = [await self._answer(one, result) for one, result in zip(asked, drawn, strict=True)]
        return _explained(site, known, asked, answers) if preview and preview.debug else answers

    async def _show(
        self, call: _Call | None, site: ServedSite, asked: Asked, preview: Preview | None
    ) -> _Drawn | Decided:
        """What is shown on purpose, for which nothing of the visitor need be known; else what is decided for them."""
        if preview is not None and (previewed := decided.previewed(site, asked, preview)) is not None:
            return previewed
        placement = site.placements.get(asked.placement)
        return decided.fallback(placement, asked) if call is None else await self._decide(call, placement, asked)

    async def _decide(self, call: _Call, placement: ServedPlacement | None, asked: Asked) -> _Drawn | Decided:
        """Decide for one placement, and hand what was drawn to the log. Nothing is waited for, unless a policy counts
        what it shows or sticks to it."""
        if placement is None:
            return decided.nothing(asked, None)
        placement.last_requested_at = call.started
        compiled, known = placement.compiled, call.known
        if not compiled.policy.enabled:
            return decided.switched_off(placement, asked)
        if compiled.spans and known.remembered is not None:
            return await self._reserve(call, known.remembered, placement, asked)
        # A cap that cannot be counted, and a bar that cannot be looked up, are kept by not showing the action.
        setting = setting_of(known, compiled, asked, compiled.held)
        if setting is None:
            return decided.nothing(asked, placement)
        return self._append(call, placement, asked, draw(known, placement, setting))

    async def _reserve(
        self, call: _Call, remembered: Remembered, placement: ServedPlacement, asked: Asked
    ) -> _Drawn | Decided:
        """The same, for a policy that counts or sticks."""
        try:
            reserved = await reserve(self._store, call.known, remembered, placement, asked, call.trace, call.deadline)
            if isinstance(reserved, Choice):
                decision_id = None
                if call.trace == "decision":
                    decision_id = self._ids.issue(
                        placement.policy_id, len(reserved.slots), reserved.key, has_visitor=True
                    )
                return decided.repeated(placement, asked, reserved, decision_id)
        except StoreError:
            return decided.fallback(placement, asked)
        if reserved is None:
            return decided.nothing(asked, placement)
        return self._append(call, placement, asked, reserved)

    def _append(self, call: _Call, placement: ServedPlacement, asked: Asked, entry: Decision) -> _Drawn | Decided:
        """Hand what is left of a decision to the log."""
        if call.trace == "none":
            return _Drawn(placement, entry, None, call.trace)
        left = encode(entry) if call.trace == "decision" else _A_ROBOT
        command = self._store.log.append_command(placement.ref, left)
        try:
            return _Drawn(placement, entry, self._store.lane.submit(command, call.deadline), call.trace)
        except StoreError:  # While a commit is overdue, there is nothing to wait for.
            return decided.fallback(placement, asked)

    async def _answer(self, asked: Asked, drawn: _Drawn | Decided) -> Decided:
        """The answer, once the store has acknowledged the entry."""
        if isinstance(drawn, Decided):
            return drawn
        try:
            if drawn.appended is not None:
                await drawn.appended
            return decided.drawn(drawn.placement, asked, drawn.entry, self._decision_id(drawn))
        except StoreError:
            return decided.fallback(drawn.placement, asked)

    def _decision_id(self, drawn: _Drawn) -> str | None:
        """The id of a decision that was logged as one."""
        if drawn.trace != "decision":
            return None
        entry = drawn.entry
        return self._ids.issue(drawn.placement.policy_id, len(entry.slots), entry.key, has_visitor=bool(entry.visitor))


def _explained(
    site: ServedSite, known: Known | None, asked: Sequence[Asked], answers: Sequence[Decided]
) -> list[Decided]:
    """The same answers, with how they are made for this visitor, of whom nothing may be known."""
    return [
        answer._replace(explanation=explain(placement, known, one))
        if (placement := site.placements.get(one.placement)) is not None
        else answer
        for one, answer in zip(asked, answers, strict=True)
    ]


def _trace(site: ServedSite, visitor: Visitor) -> Trace:
    if visitor.consent != "granted" and not site.settings.learn_without_consent:
        return "none"
    return "robot" if visitor.robot else "decision"


_A_ROBOT = encode(Robot())
