"""What is answered: a decision, or what is shown where none was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from edgewise.decisions.engine import chosen
from edgewise.decisions.explanation import Explanation
from edgewise.decisions.exposure import Choice
from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import Asked
from edgewise.entries import Decision
from edgewise.serving.served import ServedPlacement, ServedSite

Group: TypeAlias = Literal["policy", "control", "pinned", "fallback", "preview", "none"]


class Shown(NamedTuple):
    """What to show in one slot. Only what was drawn or shown on purpose has a propensity."""

    action: str | None
    payload: Mapping[str, Any]
    propensity: float | None


class Decided(NamedTuple):
    """The answer for one placement. `row` says whether the policy has several slots.

    Without a `decision_id`, nothing of it was kept, and nothing that follows can be learned from it. Only who debugs
    gets an `explanation`.
    """

    placement: str
    decision_id: str | None
    group: Group
    policy_version: str | None
    model_version: int | None
    slots: tuple[Shown, ...]
    row: bool
    explanation: Explanation | None = None


def drawn(placement: ServedPlacement, asked: Asked, entry: Decision, decision_id: str | None) -> Decided:
    """What was drawn."""
    return Decided(
        asked.placement,
        decision_id,
        entry.group,
        placement.version_text,
        entry.model_version,
        tuple(
            Shown(action.id, action.payload, propensity)
            for action, propensity in chosen(placement.compiled, entry.eligible, entry.slots)
        ),
        placement.policy.slots > 1,
    )


def repeated(placement: ServedPlacement, asked: Asked, choice: Choice, decision_id: str | None) -> Decided:
    """A choice that sticks, shown again: the same decision, with the propensity of its draw."""
    compiled = placement.compiled
    return Decided(
        asked.placement,
        decision_id,
        choice.group,
        choice.version,
        choice.model_version,
        tuple(
            Shown(action, compiled.payloads[compiled.index[action]], propensity)
            for action, propensity in choice.slots[: asked.of(placement.policy.slots)]
        ),
        placement.policy.slots > 1,
    )


def nothing(asked: Asked, placement: ServedPlacement | None) -> Decided:
    """No such placement, or no eligible action."""
    version = None if placement is None else placement.version_text
    row = placement is not None and placement.policy.slots > 1
    return Decided(asked.placement, None, "none", version, None, () if row else (_NOTHING,), row)


def fallback(placement: ServedPlacement | None, asked: Asked) -> Decided:
    """What is shown when the store fails us."""
    if placement is None:
        return nothing(asked, None)
    return _unlogged(placement, asked, "fallback", placement.compiled.baseline)


def switched_off(placement: ServedPlacement, asked: Asked) -> Decided:
    """What is shown where the policy is switched off."""
    return _unlogged(placement, asked, "none", placement.compiled.baseline)


def previewed(site: ServedSite, asked: Asked, preview: Preview) -> Decided | None:
    """An action, whatever its condition, its times and switches say; in a row the baseline follows it.

    None where the preview leaves this placement to be decided as ever.

    Raises:
        WrongPreview: the preview does not show what is asked for.
    """
    action = preview.shows(site, asked.placement, asked.action)
    if action is None:
        return None
    placement = site.placements[asked.placement]
    others = (index for index in placement.compiled.baseline if index != action)
    return _unlogged(placement, asked, "preview", (action, *others))


def _unlogged(placement: ServedPlacement, asked: Asked, group: Group, shown: Sequence[int]) -> Decided:
    """These actions, without a decision id."""
    policy = placement.policy
    actions = [policy.actions[index] for index in shown[: asked.of(policy.slots)]]
    return Decided(
        asked.placement,
        None,
        group,
        placement.version_text,
        None,
        tuple(Shown(action.id, action.payload, None) for action in actions),
        policy.slots > 1,
    )


_NOTHING = Shown(None, {}, None)
