"""Explanations: the facts behind a decision, for the debugger of a page."""

from __future__ import annotations

from typing import NamedTuple

from edgewise.bandit.expected_reward import ExpectedReward, Progress
from edgewise.decisions.engine import DecisionInput, rate
from edgewise.decisions.request import PlacementRequest
from edgewise.decisions.visitor_state import VisitorState
from edgewise.policies.eligibility import Refusal
from edgewise.policies.policy import Mode
from edgewise.serving.log_times import LogTimes
from edgewise.serving.served_site import ServedPlacement
from edgewise.types import Milliseconds


class ActionExplanation(NamedTuple):
    """The propensity of one action in the first slot with its expected reward, or the reason why it may not be shown.

    All are None if the visitor's profile could not be read. `expected` is also None if the model has no expectations.
    """

    id: str
    propensity: float | None = None
    refused: Refusal | None = None
    expected: ExpectedReward | None = None


class Explanation(NamedTuple):
    """The facts behind a decision, besides the visitor's group.

    `model_age` is the time since the newest log entry that the model includes. It is None before the first model.
    `progress` is None for Vowpal Wabbit's algorithms.
    """

    enabled: bool
    mode: Mode
    model_age: Milliseconds | None
    progress: Progress | None
    actions: tuple[ActionExplanation, ...]


def explain(
    placement: ServedPlacement, state: VisitorState | None, request: PlacementRequest, log_times: LogTimes
) -> Explanation:
    """Explain the decisions of this placement for a visitor. `state` is None if it could not be read."""
    policy, head = placement.policy, placement.model_head
    age = None if head is None else log_times.age(placement.ref, head.position)
    if state is None:
        actions = tuple(ActionExplanation(action.id) for action in policy.actions)
    else:
        actions = _explain_actions(placement, state.decision_input(request, placement.compiled))
    progress = None if placement.model is None else placement.model.progress
    return Explanation(policy.enabled, policy.explore.mode, age, progress, actions)


def _explain_actions(placement: ServedPlacement, input: DecisionInput) -> tuple[ActionExplanation, ...]:
    ratings, refusals = rate(placement, input), placement.compiled.refusals(input)
    return tuple(
        ActionExplanation(action.id, refused=refusals.get(position))
        if (rating := ratings.get(position)) is None
        else ActionExplanation(action.id, rating.propensity, None, rating.expected)
        for position, action in enumerate(placement.policy.actions)
    )
