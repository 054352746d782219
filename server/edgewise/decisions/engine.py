"""The draw: who may see what, which rules go before, and what exploration gives to the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from edgewise.bandit.choice import choose
from edgewise.bandit.exploration import uniform
from edgewise.bandit.features import context_line
from edgewise.decisions.request import Asked
from edgewise.decisions.visitor_state import Known
from edgewise.entries import Decision, Group, SlotChoice
from edgewise.ids.decision import new_key
from edgewise.policies.compiled import CompiledPolicy
from edgewise.policies.policy import Action
from edgewise.serving.served import ServedPlacement
from edgewise.types import DecisionKey


class Setting(NamedTuple):
    """What a draw is made from: the eligible actions (None: all), and the rules that go before it."""

    key: DecisionKey
    eligible: tuple[int, ...] | None
    pinned: int | None
    controlled: bool
    slots: int


def setting_of(known: Known, compiled: CompiledPolicy, asked: Asked, barred: Collection[int]) -> Setting | None:
    """What may be shown to whom; None where that is nothing. `barred` are actions not to be seen (again)."""
    eligible = compiled.eligible(known.attributes, asked.exclude, known.now, barred)
    if eligible is not None and not eligible:
        return None
    key = new_key()
    point = uniform(key, b"control") if known.control_point is None else known.control_point
    return Setting(
        key,
        eligible,
        compiled.pinned(known.attributes, eligible),
        point < compiled.policy.control_share,
        asked.of(compiled.policy.slots),
    )


def draw(known: Known, placement: ServedPlacement, setting: Setting) -> Decision:
    """The decision that this setting leads to."""
    compiled, policy = placement.compiled, placement.compiled.policy
    key, eligible, pinned, controlled, slots = setting
    group: Group = "pinned" if pinned is not None else "control" if controlled else "policy"
    line = context_line(known.attributes, policy.features.namespaces)
    if controlled or policy.explore.mode == "apprentice":
        choices = _of_baseline(compiled, pinned, slots)
        # What is learned from must be among the eligible, and the baseline is shown whatever was excluded.
        shown = {choice.chosen for choice in choices}
        eligible = None if eligible is None else tuple(sorted({*eligible, *shown}))
    else:
        choices = _drawn(placement, line, setting)
    return Decision(key, compiled.version, placement.model_version, group, known.digests, line, eligible, choices)


def chosen(
    compiled: CompiledPolicy, eligible: Sequence[int] | None, slots: Sequence[SlotChoice]
) -> list[tuple[Action, float]]:
    """Each slot's action with the propensity of having chosen it."""
    actions = compiled.policy.actions
    available = list(range(len(actions)) if eligible is None else eligible)
    result = []
    for slot in slots:
        position = available.index(slot.chosen)
        result.append((actions[slot.chosen], slot.propensities[position] if slot.propensities else 1.0))
        del available[position]
    return result


def _of_baseline(compiled: CompiledPolicy, pinned: int | None, slots: int) -> tuple[SlotChoice, ...]:
    """The baseline, after what is pinned."""
    first = () if pinned is None else (pinned,)
    shown = (*first, *(index for index in compiled.baseline if index != pinned))[:slots]
    return tuple(SlotChoice(index, ()) for index in shown)


def _drawn(placement: ServedPlacement, line: str, setting: Setting) -> tuple[SlotChoice, ...]:
    """What exploration draws, after what is pinned."""
    policy, pinned = placement.policy, setting.pinned
    others: Sequence[int] = range(len(policy.actions)) if setting.eligible is None else setting.eligible
    first = () if pinned is None else (SlotChoice(pinned, ()),)
    choices = choose(
        placement.model,
        placement.examples,
        line,
        others if pinned is None else [index for index in others if index != pinned],
        setting.slots - len(first),
        row=policy.slots > 1,
        floor=policy.explore.floor,
        key=setting.key,
        first=len(first),
    )
    return (*first, *choices) if first else choices
