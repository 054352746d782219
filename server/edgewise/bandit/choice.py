"""The draw of one decision: slot by slot, from the propensities of the actions that are left."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.bandit.exploration import draw, uniform, with_floor
from edgewise.bandit.features import slot_line
from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.entries import SlotChoice
from edgewise.types import DecisionKey


def choose(
    model: ScoringModel | None,
    examples: ActionExamples,
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

    `eligible` has positions in `examples`. `first` is the position of the first slot to fill. If the actions run out,
    fewer slots come back. See `slot_propensities` for the other parameters.
    """
    available = list(eligible)
    choices = []
    for slot in range(first, first + min(slots, len(available))):
        propensities = slot_propensities(model, examples, context, available, slot=slot, row=row, floor=floor)
        position = draw(propensities, uniform(key, b"slot %d" % slot))
        choices.append(SlotChoice(available.pop(position), propensities))
    return tuple(choices)


def slot_propensities(
    model: ScoringModel | None,
    examples: ActionExamples,
    context: str,
    available: Sequence[int],
    *,
    slot: int,
    row: bool,
    floor: float,
) -> list[float]:
    """The propensity of each available action in this slot, in their order. They sum to 1.

    Without a model, all are equal. `row` is true for a policy with several slots. The slot is then a feature.
    """
    if model is None:
        return [1.0 / len(available)] * len(available)
    return with_floor(model.probabilities(slot_line(context, slot, 2 if row else 1), examples, available), floor)
