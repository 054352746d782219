"""The decision engine: eligible actions, pins, control group, context line and draw.

Serving, the debugger's explanation and `edgewise replay` all decide with it. The engine is pure: it reads no store and
no clock, except that an input without a time uses the wall clock. The same input and model give the same decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Protocol

from msgspec import Struct

from edgewise.bandit.choice import choose, slot_propensities
from edgewise.bandit.exploration import uniform
from edgewise.bandit.features import context_line
from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.entries import Decision, SlotChoice
from edgewise.policies.compiled import CompiledPolicy
from edgewise.policies.eligibility import Circumstances
from edgewise.policies.policy import Action
from edgewise.types import DecisionKey, Digest, LoggedGroup

NO_CONTROL_GROUP = inf
"""The control point of a decision that must not be in the control group."""


class ScoredPolicy(Protocol):
    """A policy version, and the model that scores its actions. `model` is None before the first one."""

    @property
    def compiled(self) -> CompiledPolicy: ...
    @property
    def examples(self) -> ActionExamples: ...
    @property
    def model(self) -> ScoringModel | None: ...
    @property
    def model_version(self) -> int: ...


class DecisionInput(Circumstances, frozen=True, kw_only=True):
    """All that one decision depends on, besides the policy and its model.

    `key` names the decision and seeds its draw. `slots` is the number of slots to fill. Below the policy's control
    share, a `control_point` is in the control group. None derives it from the key. `digests` name the visitor in the
    log.
    """

    key: DecisionKey
    slots: int
    control_point: float | None = None
    digests: tuple[Digest, ...] = ()


class Candidates(Struct, frozen=True):
    """The positions of the eligible actions (None: all), and the rules that come before the draw."""

    eligible: tuple[int, ...] | None
    pinned: int | None
    in_control: bool

    @property
    def group(self) -> LoggedGroup:
        return "pinned" if self.pinned is not None else "control" if self.in_control else "policy"


def decide(policy: ScoredPolicy, input: DecisionInput) -> Decision | None:
    """The decision for this input. None if no action is eligible."""
    candidates = find_candidates(policy.compiled, input)
    return None if candidates is None else draw(policy, input, candidates)


def find_candidates(compiled: CompiledPolicy, input: DecisionInput) -> Candidates | None:
    """The candidates for this input. None if no action is eligible."""
    eligible = compiled.eligible(input)
    if eligible is not None and not eligible:
        return None
    point = uniform(input.key, b"control") if input.control_point is None else input.control_point
    return Candidates(eligible, compiled.pinned(input.attributes, eligible), point < compiled.policy.control_share)


def draw(policy: ScoredPolicy, input: DecisionInput, candidates: Candidates) -> Decision:
    """Draw a decision from these candidates."""
    compiled, rules = policy.compiled, policy.compiled.policy
    line = context_line(input.attributes, rules.features.namespaces)
    eligible = candidates.eligible
    if candidates.in_control or rules.explore.mode == "apprentice":
        slots = _baseline_slots(compiled, candidates.pinned, input.slots)
        if eligible is not None:
            # The learner needs each shown action among the eligible ones, and exclusions do not change the baseline.
            eligible = tuple(sorted({*eligible, *(slot.chosen for slot in slots)}))
    else:
        slots = _explored_slots(policy, input, candidates, line)
    return Decision(
        input.key, compiled.version, policy.model_version, candidates.group, input.digests, line, eligible, slots
    )


def propensities(policy: ScoredPolicy, input: DecisionInput) -> Mapping[int, float]:
    """The probability of each eligible action in the first slot, by position, if no pin or control group applies."""
    compiled, rules = policy.compiled, policy.compiled.policy
    eligible = compiled.eligible(input)
    positions: Sequence[int] = range(len(rules.actions)) if eligible is None else eligible
    if not positions:
        return {}
    line = context_line(input.attributes, rules.features.namespaces)
    found = slot_propensities(
        policy.model, policy.examples, line, positions, slot=0, row=rules.slots > 1, floor=rules.explore.floor
    )
    return dict(zip(positions, found, strict=True))


def chosen_actions(compiled: CompiledPolicy, decision: Decision) -> list[tuple[Action, float]]:
    """The action in each slot, with its propensity. An action that was not drawn has propensity 1."""
    actions = compiled.policy.actions
    available = list(range(len(actions)) if decision.eligible is None else decision.eligible)
    chosen = []
    for slot in decision.slots:
        place = available.index(slot.chosen)
        chosen.append((actions[slot.chosen], slot.propensities[place] if slot.propensities else 1.0))
        del available[place]
    return chosen


def _baseline_slots(compiled: CompiledPolicy, pinned: int | None, slots: int) -> tuple[SlotChoice, ...]:
    first = () if pinned is None else (pinned,)
    shown = (*first, *(position for position in compiled.baseline if position != pinned))[:slots]
    return tuple(SlotChoice(position, ()) for position in shown)


def _explored_slots(
    policy: ScoredPolicy, input: DecisionInput, candidates: Candidates, line: str
) -> tuple[SlotChoice, ...]:
    """The pinned action, then actions drawn from the others."""
    rules, pinned = policy.compiled.policy, candidates.pinned
    others: Sequence[int] = range(len(rules.actions)) if candidates.eligible is None else candidates.eligible
    first = () if pinned is None else (SlotChoice(pinned, ()),)
    drawn = choose(
        policy.model,
        policy.examples,
        line,
        others if pinned is None else [position for position in others if position != pinned],
        input.slots - len(first),
        row=rules.slots > 1,
        floor=rules.explore.floor,
        key=input.key,
        first=len(first),
    )
    return (*first, *drawn) if first else drawn
