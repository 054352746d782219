"""Placement results, from decisions, sticky choices, previews and the baseline."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edgewise.decisions.exposure import StickyChoice
from edgewise.decisions.preview_token import Preview, WrongPreview
from edgewise.decisions.request import PlacementRequest
from edgewise.decisions.result import PlacementResult, SlotResult
from edgewise.entries import Decision, SlotChoice
from edgewise.policies.compiled_policy import encode_policy
from edgewise.policies.policy import Action, Policy
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.sites import Site
from edgewise.types import PolicyRef

ACTIONS = (Action("plain", payload={"text": "Hi"}), Action("deal"), Action("off", enabled=False))
HERO = ServedPlacement(PolicyRef("shop", "hero"), encode_policy(Policy("hero", ACTIONS, ("plain",))))
ROW = ServedPlacement(PolicyRef("shop", "row"), encode_policy(Policy("row", ACTIONS, ("plain", "deal"), slots=2)))
SITE = ServedSite(Site("shop", "key", (), ("hero", "row")), {"hero": HERO, "row": ROW})
REQUEST = PlacementRequest("row")
KEY = b"k" * 12


def actions(result: PlacementResult) -> Sequence[str | None]:
    return [slot.action for slot in result.slots]


def test_a_decision_gives_each_slot_its_propensity() -> None:
    slots = (SlotChoice(1, [0.75, 0.25]), SlotChoice(0, [1.0]))
    decision = Decision(KEY, ROW.version, 7, "policy", (), "shared |", (0, 1), slots)
    result = PlacementResult.from_decision(ROW, REQUEST, decision, "id")
    assert result.slots == (SlotResult("deal", {}, 0.25), SlotResult("plain", {"text": "Hi"}, 1.0))
    assert (result.group, result.decision_id, result.model_version, result.row) == ("policy", "id", 7, True)
    assert result.policy_version == ROW.version_text


def test_a_sticky_choice_keeps_its_version_and_propensities() -> None:
    choice = StickyChoice(KEY, "policy", "old version", 3, (("deal", 0.2), ("plain", 0.9)))
    result = PlacementResult.from_sticky_choice(ROW, PlacementRequest("row", slots=1), choice, "id")
    assert result.slots == (SlotResult("deal", {}, 0.2),)
    assert (result.policy_version, result.model_version) == ("old version", 3)


def test_an_unknown_placement_has_no_action_and_no_version() -> None:
    result = PlacementResult.nothing(PlacementRequest("nowhere"))
    assert (actions(result), result.group, result.policy_version, result.row) == ([None], "none", None, False)


def test_a_row_without_eligible_actions_has_no_slots() -> None:
    result = PlacementResult.nothing(REQUEST, ROW)
    assert (actions(result), result.policy_version, result.row) == ([], ROW.version_text, True)


def test_fallbacks_and_disabled_policies_show_the_baseline_without_an_id() -> None:
    for result, group in (
        (PlacementResult.fallback(REQUEST, ROW), "fallback"),
        (PlacementResult.switched_off(REQUEST, ROW), "none"),
    ):
        assert (actions(result), result.group, result.decision_id) == (["plain", "deal"], group, None)
        assert [slot.propensity for slot in result.slots] == [None, None]


def test_a_preview_shows_an_ineligible_action_before_the_baseline() -> None:
    result = PlacementResult.previewed(SITE, REQUEST, Preview("row", "off"))
    assert result is not None
    assert (actions(result), result.group, result.decision_id) == (["off", "plain"], "preview", None)


def test_a_preview_of_another_placement_gives_no_result() -> None:
    assert PlacementResult.previewed(SITE, PlacementRequest("hero"), Preview("row", "off")) is None


def test_a_preview_of_a_removed_action_is_refused() -> None:
    with pytest.raises(WrongPreview, match="Placement 'row' has no action 'gone' any more"):
        PlacementResult.previewed(SITE, REQUEST, Preview("row", "gone"))
