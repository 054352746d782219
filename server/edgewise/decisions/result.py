"""The result of a decide call, placement by placement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgewise.decisions.engine import chosen_actions
from edgewise.decisions.explanation import Explanation
from edgewise.decisions.exposure import StickyChoice
from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import PlacementRequest
from edgewise.entries import Decision
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.types import Group


class SlotResult(NamedTuple):
    """The action to show in one slot. `propensity` is None for an action that was shown without a decision."""

    action: str | None
    payload: Mapping[str, Any]
    propensity: float | None


_NO_ACTION = SlotResult(None, {}, None)


class PlacementResult(NamedTuple):
    """The result for one placement.

    A result without a `decision_id` was not logged, so no outcome can be learned from it. `row` is true if the policy
    has several slots. Only the debugger gets an `explanation`.
    """

    placement: str
    decision_id: str | None
    group: Group
    policy_version: str | None
    model_version: int | None
    slots: tuple[SlotResult, ...]
    row: bool
    explanation: Explanation | None = None

    @classmethod
    def from_decision(
        cls, placement: ServedPlacement, request: PlacementRequest, decision: Decision, decision_id: str | None
    ) -> PlacementResult:
        return cls(
            request.placement,
            decision_id,
            decision.group,
            placement.version_text,
            decision.model_version,
            tuple(
                SlotResult(action.id, action.payload, propensity)
                for action, propensity in chosen_actions(placement.compiled, decision)
            ),
            placement.policy.slots > 1,
        )

    @classmethod
    def from_sticky_choice(
        cls, placement: ServedPlacement, request: PlacementRequest, choice: StickyChoice, decision_id: str | None
    ) -> PlacementResult:
        """The decision that is shown again, with its first propensities."""
        compiled, slots = placement.compiled, placement.policy.slots
        return cls(
            request.placement,
            decision_id,
            choice.group,
            choice.version,
            choice.model_version,
            tuple(
                SlotResult(action, compiled.payloads[compiled.index[action]], propensity)
                for action, propensity in choice.slots[: request.slot_count(slots)]
            ),
            slots > 1,
        )

    @classmethod
    def nothing(cls, request: PlacementRequest, placement: ServedPlacement | None = None) -> PlacementResult:
        """The result for an unknown placement (None), or if no action is eligible."""
        version = None if placement is None else placement.version_text
        row = placement is not None and placement.policy.slots > 1
        return cls(request.placement, None, "none", version, None, () if row else (_NO_ACTION,), row)

    @classmethod
    def fallback(cls, request: PlacementRequest, placement: ServedPlacement) -> PlacementResult:
        """The baseline, because the store failed."""
        return cls._without_decision(placement, request, "fallback", placement.compiled.baseline)

    @classmethod
    def switched_off(cls, request: PlacementRequest, placement: ServedPlacement) -> PlacementResult:
        """The baseline, because the policy is not enabled."""
        return cls._without_decision(placement, request, "none", placement.compiled.baseline)

    @classmethod
    def previewed(cls, site: ServedSite, request: PlacementRequest, preview: Preview) -> PlacementResult | None:
        """The previewed action, even if it is not eligible, then the baseline. None if the preview has no action here.

        Raises:
            WrongPreview: the preview does not include the requested action.
        """
        action = preview.action_position(site, request.placement, request.action)
        if action is None:
            return None
        placement = site.placements[request.placement]
        others = (position for position in placement.compiled.baseline if position != action)
        return cls._without_decision(placement, request, "preview", (action, *others))

    @classmethod
    def _without_decision(
        cls, placement: ServedPlacement, request: PlacementRequest, group: Group, shown: Sequence[int]
    ) -> PlacementResult:
        policy = placement.policy
        actions = [policy.actions[position] for position in shown[: request.slot_count(policy.slots)]]
        slots = tuple(SlotResult(action.id, action.payload, None) for action in actions)
        return cls(request.placement, None, group, placement.version_text, None, slots, policy.slots > 1)
