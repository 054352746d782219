"""The draw of one decision: slot by slot, from the propensities of the actions that are left."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from edgewise.bandit.exploration import draw, uniform, with_floor
from edgewise.bandit.features import slot_line
from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.entries import SlotChoice
from edgewise.types import DecisionKey


class Sampler(Struct, frozen=True):
    """Gives the actions of a policy version their propensities, and draws from them.

    Without a `model`, all propensities are equal. `slots` is the policy's number. If there are several, the slot is a
    feature. `floor` is the share of the probability that is spread evenly.
    """

    model: ScoringModel | None
    examples: ActionExamples
    slots: int
    floor: float

    def propensities(self, context: str, slot: int, available: Sequence[int]) -> list[float]:
        """The propensity of each available action in this slot, in their order. They sum to 1.

        `available` has positions in `examples`.
        """
        if self.model is None:
            return [1.0 / len(available)] * len(available)
        line = slot_line(context, slot, self.slots)
        return with_floor(self.model.probabilities(line, self.examples, available), self.floor)


def choose(
    sampler: Sampler, context: str, eligible: Sequence[int], slots: int, key: DecisionKey, first: int = 0
) -> tuple[SlotChoice, ...]:
    """Fill up to `slots` slots from the eligible actions, one after the other, without repeats.

    `first` is the position of the first slot to fill. If the actions run out, fewer slots come back.
    """
    available = list(eligible)
    choices = []
    for slot in range(first, first + min(slots, len(available))):
        propensities = sampler.propensities(context, slot, available)
        position = draw(propensities, uniform(key, b"slot %d" % slot))
        choices.append(SlotChoice(available.pop(position), propensities))
    return tuple(choices)
