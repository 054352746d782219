"""The decision service: loads the visitor's state, decides, logs and answers.

A page never waits for Edgewise longer than its budget, and never breaks because of it. If the store fails or is late,
the result is the policy's baseline. The same holds for a fault anywhere in the code that decides: it is logged once and
counted. A baseline has no decision id, so nothing can be learned from it.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from edgewise.decisions.caps import decide_within_caps
from edgewise.decisions.explanation import explain
from edgewise.decisions.exposure import StickyChoice
from edgewise.decisions.preview_token import Preview, WrongPreview, read_preview
from edgewise.decisions.request import DecideCall, PlacementRequest
from edgewise.decisions.result import PlacementResult
from edgewise.decisions.visitor_state import VisitorState, load_visitor_state
from edgewise.entries import Decision, Robot, encode
from edgewise.errors import StoreError
from edgewise.ids.decision import DecisionIds
from edgewise.logs import FaultLog
from edgewise.serving.log_times import LogTimes
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.store import Store
from edgewise.wall_clock import now_ms

log = logging.getLogger(__name__)

MOST_ACTIONS = 5000
"""The actions of all placements of one call together. The cost of a decision is in proportion to them."""

ACTIONS_AT_ONCE = 1000
"""Other calls have a turn after so many actions of one call."""

_ROBOT_ENTRY = encode(Robot())


class PendingDecision(NamedTuple):
    """A decision on its way into the log. `appended` is None if it is not logged."""

    placement: ServedPlacement
    request: PlacementRequest
    decision: Decision
    appended: Future[Any] | None


class DecisionService:
    """Decides for decide calls.

    `budget` is the number of seconds that a call may wait for the store. `log_times` gives the age of models, for
    explanations. `on_fault` is called with the site's name for each fault.
    """

    def __init__(
        self,
        store: Store,
        ids: DecisionIds,
        log_times: LogTimes,
        budget: float,
        on_fault: Callable[[str], None] | None = None,
    ) -> None:
        self.budget = budget
        self._log_times = log_times
        self._store = store
        self._ids = ids
        self._on_fault = on_fault
        self._faults = FaultLog(log, "A decision failed, so the visitor got the baseline: %s.")

    def preview(self, site: ServedSite, token: str) -> Preview:
        """Read a preview token.

        Raises:
            WrongPreview: the token is invalid, expired, or for another site.
            StoreUnavailable: the keys could not be read yet.
        """
        return read_preview(self._ids, site, token, now_ms() // 1000)

    async def decide(self, call: DecideCall) -> list[PlacementResult]:
        """One result for each request, in their order. Errors of the store and faults become fallbacks.

        Raises:
            WrongPreview: the preview does not include a requested action.
        """
        if not call.requests:
            # The SDK of a page without placements only asks whether it may keep the visitor's id.
            return []
        try:
            state = await load_visitor_state(self._store, call)
            if _needs_models(call):
                call = await self._load_models(call)
        except StoreError:
            state = None
        except Exception as fault:  # noqa: BLE001  # A fault becomes a fallback.
            self.report_fault(call.site, fault)
            state = None
        # All decisions are on their way to the store before the call waits for the first.
        if len(call.requests) == 1:
            started = [await self._start(call, state, call.requests[0])]
        else:
            started = await self._start_all(call, state)
        results = [await self._finish(call, one) if isinstance(one, PendingDecision) else one for one in started]
        return await self._explain(call, state, results) if call.preview and call.preview.debug else results

    def fall_back(self, site: ServedSite, request: PlacementRequest) -> PlacementResult:
        """The baseline of the requested placement."""
        placement = site.placements.get(request.placement)
        if placement is None:
            return PlacementResult.nothing(request)
        try:
            return PlacementResult.fallback(request, placement)
        except Exception as fault:  # noqa: BLE001  # A fault becomes a fallback.
            self.report_fault(site, fault)
            return PlacementResult.nothing(request, placement)

    def report_fault(self, site: ServedSite, fault: Exception) -> None:
        """Log and count an unexpected error of a decide call."""
        self._faults.report(fault)
        if self._on_fault is not None:
            self._on_fault(site.name)

    async def _start_all(self, call: DecideCall, state: VisitorState | None) -> list[PendingDecision | PlacementResult]:
        """Start the decisions. Those beyond the first MOST_ACTIONS actions fall back to the baseline."""
        started: list[PendingDecision | PlacementResult] = []
        actions = since_turn = 0
        for request in call.requests:
            placement = call.site.placements.get(request.placement)
            count = 0 if placement is None else len(placement.policy.actions)
            actions += count
            if actions > MOST_ACTIONS:
                started.append(self.fall_back(call.site, request))
                continue
            started.append(await self._start(call, state, request))
            since_turn += count
            if since_turn >= ACTIONS_AT_ONCE:
                since_turn = 0
                await asyncio.sleep(0)
        return started

    async def _start(
        self, call: DecideCall, state: VisitorState | None, request: PlacementRequest
    ) -> PendingDecision | PlacementResult:
        try:
            return await self._decide(call, state, request)
        except WrongPreview:
            raise
        except StoreError:
            pass
        except Exception as fault:  # noqa: BLE001  # A fault becomes a fallback.
            self.report_fault(call.site, fault)
        return self.fall_back(call.site, request)

    async def _load_models(self, call: DecideCall) -> DecideCall:
        """Wait for the models of the call's placements. Those that are not loaded in time fall back.

        The budget is for the store. So the returned call has a later deadline, by the time that the loading took.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        requested = {request.placement for request in call.requests}
        placements = [placement for name, placement in call.site.placements.items() if name in requested]
        for placement in placements:
            if placement.is_loaded:
                placement.last_requested_at = call.started
            else:
                placement.wake(call.started)
        first, *others = [placement for placement in placements if placement.policy.enabled]
        try:
            await first.load(call.deadline, others)
        except (StoreError, TimeoutError):
            pass
        except Exception as fault:  # noqa: BLE001  # A fault becomes a fallback.
            self.report_fault(call.site, fault)
        return call._replace(deadline=call.deadline + loop.time() - began)

    async def _decide(
        self, call: DecideCall, state: VisitorState | None, request: PlacementRequest
    ) -> PendingDecision | PlacementResult:
        """Decide for one placement. This waits for the store only if the policy has caps or sticky choices."""
        if call.preview is not None:
            previewed = PlacementResult.previewed(call.site, request, call.preview)
            if previewed is not None:
                return previewed
        placement = call.site.placements.get(request.placement)
        if placement is None or state is None:
            return self.fall_back(call.site, request)
        placement.last_requested_at = call.started
        if not placement.policy.enabled:
            return PlacementResult.switched_off(request, placement)
        if not placement.is_loaded:
            return self.fall_back(call.site, request)
        decision = await decide_within_caps(self._store, call, state, placement, request)
        if decision is None:
            return PlacementResult.nothing(request, placement)
        if isinstance(decision, StickyChoice):
            decision_id = self._issue_id(call, placement, decision, has_visitor=True)
            return PlacementResult.from_sticky_choice(placement, request, decision, decision_id)
        return PendingDecision(placement, request, decision, self._append(call, placement, decision))

    def _append(self, call: DecideCall, placement: ServedPlacement, decision: Decision) -> Future[Any] | None:
        """Send the log entry of a decision to the store.

        Raises:
            StoreUnavailable: an earlier batch is overdue, so it is no use to wait.
        """
        if call.log_mode == "none":
            return None
        entry = encode(decision) if call.log_mode == "decision" else _ROBOT_ENTRY
        return self._store.pipeline.submit(self._store.log.append_command(placement.ref, entry), call.deadline)

    async def _finish(self, call: DecideCall, pending: PendingDecision) -> PlacementResult:
        """The result of a decision, once the store has acknowledged its log entry."""
        placement, request, decision, appended = pending
        try:
            if appended is not None:
                await appended
            decision_id = self._issue_id(call, placement, decision, has_visitor=bool(decision.visitor))
            return PlacementResult.from_decision(placement, request, decision, decision_id)
        except StoreError:
            pass
        except Exception as fault:  # noqa: BLE001  # A fault becomes a fallback.
            self.report_fault(call.site, fault)
        return self.fall_back(call.site, request)

    def _issue_id(
        self, call: DecideCall, placement: ServedPlacement, decision: Decision | StickyChoice, *, has_visitor: bool
    ) -> str | None:
        """The decision's id. None if it was not logged as a decision."""
        if call.log_mode != "decision":
            return None
        return self._ids.issue(placement.policy_id, len(decision.slots), decision.key, has_visitor=has_visitor)

    async def _explain(
        self, call: DecideCall, state: VisitorState | None, results: Sequence[PlacementResult]
    ) -> list[PlacementResult]:
        explained = list(results)
        for index, request in enumerate(call.requests):
            if (placement := call.site.placements.get(request.placement)) is None:
                continue
            try:
                known = state if await _is_loaded(placement, self.budget) else None
                explained[index] = results[index]._replace(
                    explanation=explain(placement, known, request, self._log_times)
                )
            except Exception as fault:  # noqa: BLE001  # The decision is shown without an explanation.
                self.report_fault(call.site, fault)
        return explained


def _needs_models(call: DecideCall) -> bool:
    """Whether a placement of the call has a model to load."""
    placements = call.site.placements
    for request in call.requests:
        placement = placements.get(request.placement)
        if placement is not None and not placement.is_loaded and placement.policy.enabled:
            return True
    return False


async def _is_loaded(placement: ServedPlacement, budget: float) -> bool:
    """Wait until the placement's model is loaded. Returns False if it is not loaded in time."""
    try:
        await placement.load(asyncio.get_running_loop().time() + budget)
    except (StoreError, TimeoutError):
        return False
    return True
