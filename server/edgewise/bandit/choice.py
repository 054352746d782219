"""One decision: for each slot, the propensities of what remains, and the draw."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.bandit.exploration import draw, uniform, with_floor
from edgewise.bandit.features import slot_line
from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.entries import SlotChoice
from edgewise.types import DecisionKey


def choose(
    model: ScoringModel | None,
    actions: ActionExamples,
    context: str,
    eligible: Sequence[int],
    slots: int,
    *,
    row: bool,
    floor: float,
    key: DecisionKey,
    first: int = 0,
) -> tuple[SlotChoice, ...]:
    """Fill up to `slots` slots from the eligible actions, one after the other, without repeats.

    Before there is a model, every available action is equally likely. `row` says whether the policy has several slots
    (then each slot's position is a feature), `first` is the position of the first slot to fill. Fewer slots than asked
    for come back when the actions run out.
    """
    available = list(eligible)
    choices = []
    for slot in range(first, first + min(slots, len(available))):
        if model is None:
            propensities = [1.0 / len(available)] * len(available)
        else:
            line = slot_line(context, slot, 2 if row else 1)
            propensities = with_floor(model.probabilities(line, actions, available), floor)
        position = draw(propensities, uniform(key, b"slot %d" % slot))
        choices.append(SlotChoice(available.pop(position), propensities))
    return tuple(choices)
