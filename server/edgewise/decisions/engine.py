"""The decision engine: eligible actions, pins, control group, context line and draw.

Serving, the debugger's explanation and `edgewise replay` all decide with it. The engine is pure: it reads no store, no
clock and no random source. The same input and model give the same decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple, Protocol

from msgspec import Struct

from edgewise.bandit.choice import Sampler, choose
from edgewise.bandit.expected_reward import ExpectedReward
from edgewise.bandit.exploration import uniform
from edgewise.bandit.features import context_line, slot_line
from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.entries import Decision, SlotChoice
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.policies.eligibility import Circumstances
from edgewise.policies.policy import Action, Policy
from edgewise.types import Attributes, DecisionKey, Digest, LoggedGroup

NO_CONTROL_GROUP = inf
"""A `control_point` above every control share, for a decision that must not be in the control group."""


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


class Rating(NamedTuple):
    """The probability to show an action, and its expected reward. The latter is None if the model has none."""

    propensity: float
    expected: ExpectedReward | None


def decide(scored: ScoredPolicy, input: DecisionInput) -> Decision | None:
    """The decision for this input. None if no action is eligible."""
    candidates = find_candidates(scored.compiled, input)
    return None if candidates is None else draw(scored, input, candidates)


def find_candidates(compiled: CompiledPolicy, input: DecisionInput) -> Candidates | None:
    """The candidates for this input. None if no action is eligible."""
    eligible = compiled.eligible(input)
    if eligible is not None and not eligible:
        return None
    point = uniform(input.key, b"control") if input.control_point is None else input.control_point
    return Candidates(eligible, compiled.pinned(input.attributes, eligible), point < compiled.policy.control_share)


def draw(scored: ScoredPolicy, input: DecisionInput, candidates: Candidates) -> Decision:
    """Draw a decision from these candidates."""
    compiled, policy = scored.compiled, scored.compiled.policy
    line = _context_line(policy, input.attributes)
    eligible = candidates.eligible
    if candidates.in_control or policy.explore.mode == "apprentice":
        slots = _baseline_slots(compiled, candidates.pinned, input.slots)
        if eligible is not None:
            # The learner needs each shown action among the eligible ones, and exclusions do not change the baseline.
            eligible = tuple(sorted({*eligible, *(slot.chosen for slot in slots)}))
    else:
        slots = _explored_slots(scored, input, candidates, line)
    return Decision(
        input.key, compiled.version, scored.model_version, candidates.group, input.digests, line, eligible, slots
    )


def rate(scored: ScoredPolicy, input: DecisionInput) -> Mapping[int, Rating]:
    """The rating of each eligible action for the first slot, by position, if no pin or control group applies."""
    compiled, policy = scored.compiled, scored.compiled.policy
    eligible = compiled.eligible(input)
    positions: Sequence[int] = range(len(policy.actions)) if eligible is None else eligible
    if not positions:
        return {}
    line, model = _context_line(policy, input.attributes), scored.model
    chances = _sampler(scored).propensities(line, 0, positions)
    expected: Sequence[ExpectedReward | None] | None = None
    if model is not None:
        expected = model.expected_rewards(slot_line(line, 0, policy.slots), scored.examples, positions, policy.reward)
    ratings = map(Rating, chances, expected or [None] * len(positions))
    return dict(zip(positions, ratings, strict=True))


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
    scored: ScoredPolicy, input: DecisionInput, candidates: Candidates, line: str
) -> tuple[SlotChoice, ...]:
    """The pinned action, then actions drawn from the others."""
    pinned = candidates.pinned
    others: Sequence[int] = range(len(scored.examples)) if candidates.eligible is None else candidates.eligible
    if pinned is None:
        return choose(_sampler(scored), line, others, input.slots, input.key)
    others = [position for position in others if position != pinned]
    drawn = choose(_sampler(scored), line, others, input.slots - 1, input.key, first=1)
    return (SlotChoice(pinned, ()), *drawn)


def _context_line(policy: Policy, attributes: Attributes) -> str:
    return context_line(attributes, policy.features.namespaces, policy.features.cross)


def _sampler(scored: ScoredPolicy) -> Sampler:
    policy = scored.compiled.policy
    return Sampler(scored.model, scored.examples, policy.slots, policy.explore.floor)
