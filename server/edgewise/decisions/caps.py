"""Caps and sticky choices: decisions that the store counts or keeps before the visitor sees them.

A script counts the shown actions. It fails if another call changed the visitor's exposure since it was read. The
decision is then made again. This retry depends only on which actions may be shown, never on which one was drawn.
Otherwise the logged propensities would be biased.
"""

from __future__ import annotations

import logging

from edgewise.decisions import engine
from edgewise.decisions.engine import Candidates, chosen_actions, draw, find_candidates
from edgewise.decisions.exposure import Exposure, StickyChoice
from edgewise.decisions.request import DecideCall, PlacementRequest
from edgewise.decisions.visitor_state import VisitorState
from edgewise.entries import Decision
from edgewise.errors import StoreUnavailable
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.serving.served_site import ServedPlacement
from edgewise.store import Command, Store

log = logging.getLogger(__name__)

_ATTEMPTS = 16
"""An exposure changes when a cap is reached or another call's choice sticks, so only a few times."""


async def decide_within_caps(
    store: Store, call: DecideCall, state: VisitorState, placement: ServedPlacement, request: PlacementRequest
) -> Decision | StickyChoice | None:
    """The decision for this placement, or the sticky choice to show again. None if no action is eligible.

    A policy without caps, bars and sticky choices never waits for the store here. Only a logged call is counted.

    Raises:
        StoreError: the decision could not be counted.
    """
    compiled, exposure = placement.compiled, state.exposure
    if exposure is None or not compiled.spans:
        return engine.decide(placement, state.decision_input(request, compiled))
    for _ in range(_ATTEMPTS):
        input = state.decision_input(request, compiled)
        candidates = find_candidates(compiled, input)
        if candidates is None:
            return None
        choice: Decision | StickyChoice | None = exposure.sticky_choice(compiled)
        if isinstance(choice, StickyChoice) and _may_repeat(compiled, choice, candidates, input.slots):
            command = _repeat_command(exposure, placement, choice, input.slots)
        else:
            choice = draw(placement, input, candidates)
            command = _draw_command(exposure, placement, choice)
        if command is None or call.log_mode == "none":
            return choice
        reply = await store.pipeline.submit(command, call.deadline)
        if reply == 1:
            return choice
        exposure.update(compiled.spans, reply)
    message = (
        f"Cannot count a decision of {'/'.join(placement.ref)}: the visitor's exposure changed in all {_ATTEMPTS} "
        "attempts. The visitor gets the baseline."
    )
    log.error(message)
    raise StoreUnavailable(message)


def _may_repeat(compiled: CompiledPolicy, choice: StickyChoice, candidates: Candidates, slots: int) -> bool:
    """Whether all actions of a choice are still allowed, and the visitor is in the same group."""
    if candidates.pinned is not None or choice.group != candidates.group:
        return False
    eligible = range(len(compiled.policy.actions)) if candidates.eligible is None else candidates.eligible
    allowed = {*eligible, *compiled.baseline} if candidates.in_control else {*eligible}
    return len(choice.slots) >= min(slots, len(allowed)) and all(
        compiled.index.get(action) in allowed for action, _ in choice.slots[:slots]
    )


def _repeat_command(exposure: Exposure, placement: ServedPlacement, choice: StickyChoice, slots: int) -> Command | None:
    """The command that counts a repeated choice. None if it has no action with a cap."""
    compiled = placement.compiled
    shown = [compiled.index[action] for action, _ in choice.slots[:slots]]
    if all(compiled.policy.actions[position].cap is None for position in shown):
        return None
    return exposure.reserve_command(placement, shown, None, None)


def _draw_command(exposure: Exposure, placement: ServedPlacement, decision: Decision) -> Command:
    shown = [slot.chosen for slot in decision.slots]
    return exposure.reserve_command(placement, shown, decision, _sticky_choice(placement, decision))


def _sticky_choice(placement: ServedPlacement, decision: Decision) -> StickyChoice | None:
    """The choice to keep for this decision, if its policy is sticky. A pin applies in each call by itself."""
    if placement.policy.sticky == "request" or decision.group == "pinned":
        return None
    slots = tuple((action.id, propensity) for action, propensity in chosen_actions(placement.compiled, decision))
    return StickyChoice(decision.key, decision.group, placement.version_text, decision.model_version, slots)
