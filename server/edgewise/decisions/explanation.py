"""Explanations: how a decision is made for a visitor, for those who debug a page."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple, TypeAlias

from edgewise.bandit.choice import choose
from edgewise.bandit.features import context_line
from edgewise.decisions.request import Asked
from edgewise.decisions.visitor_state import Known
from edgewise.ids.decision import new_key
from edgewise.policies.policy import Action, Mode
from edgewise.serving.served import ServedPlacement
from edgewise.types import Attributes, Milliseconds
from edgewise.wall_clock import now_ms

Refusal: TypeAlias = Literal["off", "time", "excluded", "seen", "condition"]
"""Why an action is not shown: it is switched off, or not due, or the call does not want it, or the visitor has seen it
as often as they may (or did what bars it, or neither can be known), or its condition does not hold."""


class Weighed(NamedTuple):
    """One action: with which propensity the policy shows it (in a row: in the first slot), or why it does not.

    Neither is known where the visitor's profile could not be read.
    """

    id: str
    propensity: float | None
    refused: Refusal | None


class Explanation(NamedTuple):
    """What a decision is made from, beside the group that the visitor is in.

    `model_age` is how long ago, in milliseconds, the last log entry was written that the model knows; None before there
    is a model.
    """

    enabled: bool
    mode: Mode
    model_age: Milliseconds | None
    actions: tuple[Weighed, ...]


def explain(placement: ServedPlacement, known: Known | None, asked: Asked) -> Explanation:
    """How this placement is decided for one of whom this is known; None where it could not be read."""
    compiled, policy = placement.compiled, placement.policy
    now = now_ms() if known is None or known.now is None else known.now
    age = None if placement.model_head is None else max(0, now - placement.model_head.position.ms)
    if known is None:
        weighed = [Weighed(action.id, None, None) for action in policy.actions]
    else:
        barred = compiled.held if known.remembered is None else known.remembered.barred(compiled)
        weighed = _weighed(placement, known.attributes, asked.exclude, barred, now)
    return Explanation(policy.enabled, policy.explore.mode, age, tuple(weighed))


def _weighed(
    placement: ServedPlacement,
    attributes: Attributes,
    exclude: Collection[str],
    barred: Collection[int],
    now: Milliseconds,
) -> list[Weighed]:
    policy, actions = placement.policy, placement.policy.actions
    eligible = placement.compiled.eligible(attributes, exclude, now, barred)
    positions = range(len(actions)) if eligible is None else eligible
    line = context_line(attributes, policy.features.namespaces)
    row, floor = policy.slots > 1, policy.explore.floor
    # The draw is of no interest here, only what it is drawn from.
    slots = choose(placement.model, placement.examples, line, positions, 1, row=row, floor=floor, key=new_key())
    propensities = dict(zip(positions, slots[0].propensities, strict=True)) if slots else {}
    return [
        Weighed(action.id, propensities[position], None)
        if position in propensities
        else Weighed(action.id, None, _refusal(action, exclude, position in barred, now))
        for position, action in enumerate(actions)
    ]


def _refusal(action: Action, exclude: Collection[str], barred: bool, now: Milliseconds) -> Refusal:
    if not action.enabled:
        return "off"
    if (action.starts is not None and now < action.starts) or (action.ends is not None and now >= action.ends):
        return "time"
    if action.id in exclude:
        return "excluded"
    return "seen" if barred else "condition"
