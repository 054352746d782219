"""A reservation: a decision that is counted, or stuck to, before anybody sees it.

What is shown is counted in a step that fails where somebody else's meanwhile changed what may be shown: then it is
decided anew. That does not depend on what was drawn, so propensities stay true.
"""

from __future__ import annotations

import logging

from edgewise.decisions.engine import Setting, chosen, draw, setting_of
from edgewise.decisions.exposure import Choice, Remembered
from edgewise.decisions.request import Asked, Trace
from edgewise.decisions.visitor_state import Known
from edgewise.entries import Decision
from edgewise.errors import StoreUnavailable
from edgewise.policies.compiled import CompiledPolicy
from edgewise.serving.served import ServedPlacement
from edgewise.store import Command, Store

log = logging.getLogger(__name__)

_ATTEMPTS = 16
"""What may be shown changes when a cap is reached or another call's choice sticks: a few times at most."""


async def reserve(
    store: Store,
    known: Known,
    remembered: Remembered,
    placement: ServedPlacement,
    asked: Asked,
    trace: Trace,
    deadline: float,
) -> Decision | Choice | None:
    """What is counted as shown: what was just drawn, or a choice that sticks. None where nothing may be shown.

    A call that leaves no trace is not counted.

    Raises:
        StoreError: it could not be counted.
    """
    compiled = placement.compiled
    for _ in range(_ATTEMPTS):
        setting = setting_of(known, compiled, asked, remembered.barred(compiled))
        if setting is None:
            return None
        choice = remembered.choice(compiled)
        reserved: Decision | Choice
        if choice is not None and _stays(compiled, choice, setting):
            reserved, command = choice, _repeat_command(remembered, placement, choice, setting.slots)
        else:
            reserved = draw(known, placement, setting)
            command = _draw_command(remembered, placement, reserved)
        if command is None or trace == "none":
            return reserved
        reply = await store.lane.submit(command, deadline)
        if reply == 1:
            return reserved
        remembered.take(compiled.spans, reply)
    lost = f"policy {'/'.join(placement.ref)}: lost {_ATTEMPTS} races to count what is shown"
    log.error(lost)
    raise StoreUnavailable(lost)


def _repeat_command(remembered: Remembered, placement: ServedPlacement, choice: Choice, slots: int) -> Command | None:
    """What counts that this choice is shown again; None where it need not be counted."""
    compiled = placement.compiled
    shown = [compiled.index[action] for action, _ in choice.slots[:slots]]
    return remembered.reserve_command(placement, shown, None, None) if remembered.must_count(compiled, shown) else None


def _draw_command(remembered: Remembered, placement: ServedPlacement, drawn: Decision) -> Command:
    shown = [slot.chosen for slot in drawn.slots]
    return remembered.reserve_command(placement, shown, drawn, _sticking(placement, drawn))


def _stays(compiled: CompiledPolicy, choice: Choice, setting: Setting) -> bool:
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
    if placement.policy.sticky == "request" or drawn.group == "pinned":
        return None
    slots = tuple((action.id, p) for action, p in chosen(placement.compiled, drawn.eligible, drawn.slots))
    return Choice(drawn.key, drawn.group, placement.version_text, drawn.model_version, slots)
