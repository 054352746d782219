"""The decision engine, and its use by serving, the explanation and replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.decisions.engine import (
    NO_CONTROL_GROUP,
    Candidates,
    DecisionInput,
    chosen_actions,
    decide,
    draw,
    find_candidates,
    rate,
)
from edgewise.decisions.explanation import explain
from edgewise.decisions.request import PlacementRequest
from edgewise.decisions.visitor_state import VisitorState
from edgewise.evaluation.logged_traffic import LoggedRow
from edgewise.evaluation.replayed_policy import ReplayedPolicy
from edgewise.policies import eligibility
from edgewise.policies.compiled_policy import encode_policy
from edgewise.policies.eligibility import Check, Circumstances, EligibilityRule
from edgewise.policies.policy import Action, Explore, Pin, Policy
from edgewise.serving.log_times import LogTimes
from edgewise.serving.served_site import ServedPlacement
from edgewise.store import Store
from edgewise.types import PolicyRef
from tests.decisions.worker import Worker

ACTIONS = (Action("plain"), Action("mobile", when={"device.type": "mobile"}), Action("deal"), Action("late", starts=9))
POLICY = Policy("hero", ACTIONS, ("plain",), control_share=0.5)
ROW = replace(POLICY, slots=2, baseline=("plain", "deal"))
INPUT = DecisionInput({}, 5, key=b"k" * 12, slots=1, control_point=NO_CONTROL_GROUP)
INPUTS = st.builds(
    DecisionInput,
    attributes=st.fixed_dictionaries({"device": st.fixed_dictionaries({"type": st.sampled_from(["mobile", "tv"])})}),
    exclude=st.lists(st.sampled_from(["plain", "deal", "unknown"]), max_size=2).map(tuple),
    barred=st.lists(st.integers(0, 3), max_size=2),
    now=st.integers(0, 20),
    key=st.binary(min_size=12, max_size=12),
    slots=st.integers(1, 3),
    control_point=st.none() | st.floats(0, 1),
)
POLICIES = st.builds(
    replace,
    st.sampled_from([POLICY, ROW]),
    explore=st.builds(Explore, mode=st.sampled_from(["online", "apprentice"])),
    pins=st.sampled_from([(), (Pin("deal"),), (Pin("mobile"), Pin("plain", {"device.type": "tv"}))]),
)


def served(policy: Policy) -> ServedPlacement:
    return ServedPlacement(PolicyRef("shop", policy.placement), encode_policy(policy))


def with_input(**changes: Any) -> DecisionInput:
    return msgspec.structs.replace(INPUT, **changes)


@given(POLICIES, INPUTS)
def test_a_decision_depends_only_on_policy_and_input(policy: Policy, input: DecisionInput) -> None:
    assert decide(served(policy), input) == decide(served(policy), input)


@given(POLICIES, INPUTS)
def test_a_decision_shows_distinct_eligible_actions(policy: Policy, input: DecisionInput) -> None:
    placement = served(policy)
    eligible = placement.compiled.eligible(input)
    decision = decide(placement, input)
    if decision is None:
        assert eligible == ()
        return
    shown = [slot.chosen for slot in decision.slots]
    assert len(shown) == len(set(shown)) <= input.slots
    if decision.group == "pinned":
        assert placement.compiled.pinned(input.attributes, eligible) == shown[0]
    if all(slot.propensities for slot in decision.slots):
        assert decision.eligible == eligible
        assert set(shown) <= set(range(4) if eligible is None else eligible)


def propensities(placement: ServedPlacement, input: DecisionInput) -> dict[int, float]:
    return {position: rating.propensity for position, rating in rate(placement, input).items()}


@given(POLICIES, INPUTS)
def test_every_action_has_either_a_propensity_or_a_refusal(policy: Policy, input: DecisionInput) -> None:
    placement = served(policy)
    chances, refusals = propensities(placement, input), placement.compiled.refusals(input)
    assert chances.keys() | refusals.keys() == {0, 1, 2, 3}
    assert not chances.keys() & refusals.keys()
    assert sum(chances.values()) == pytest.approx(1.0 if chances else 0.0)


def test_no_eligible_action_gives_no_decision() -> None:
    assert decide(served(POLICY), with_input(exclude=("plain", "deal"))) is None


def test_a_pin_comes_before_the_control_group() -> None:
    placement = served(replace(POLICY, pins=(Pin("mobile"), Pin("deal"))))
    candidates = find_candidates(placement.compiled, with_input(control_point=0.1))
    assert candidates == Candidates((0, 2), 2, in_control=True)
    assert candidates.group == "pinned"


def test_a_control_point_below_the_share_is_in_the_control_group() -> None:
    groups = {point: find_candidates(served(POLICY).compiled, with_input(control_point=point)) for point in (0.49, 0.5)}
    assert {point: found and found.group for point, found in groups.items()} == {0.49: "control", 0.5: "policy"}


def test_an_unknown_visitor_gets_a_control_point_from_the_key() -> None:
    keys = [number.to_bytes(12, "big") for number in range(200)]
    groups = [decide(served(POLICY), with_input(control_point=None, key=key)) for key in keys]
    assert 60 < sum(decision is not None and decision.group == "control" for decision in groups) < 140


def test_the_control_group_sees_an_excluded_baseline() -> None:
    decision = decide(served(POLICY), with_input(exclude=("plain",), control_point=0.0))
    assert decision is not None
    assert (decision.group, decision.eligible) == ("control", (0, 2))
    assert chosen_actions(served(POLICY).compiled, decision) == [(ACTIONS[0], 1.0)]


def test_propensities_are_those_of_the_first_slot() -> None:
    placement = served(ROW)
    decision = draw(placement, INPUT, Candidates((0, 2), None, in_control=False))
    assert dict(zip((0, 2), decision.slots[0].propensities, strict=True)) == propensities(placement, INPUT)


def refuse_on_television(policy: Policy) -> Check | None:
    """An additional rule: a television shows no deal."""
    positions = [position for position, action in enumerate(policy.actions) if action.id == "deal"]

    def check(circumstances: Circumstances) -> list[int]:
        return positions if circumstances.attributes.get("data", {}).get("screen") == "tv" else []

    return check


@pytest.fixture
def television_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = EligibilityRule(cast(Any, "television"), refuse_on_television)
    monkeypatch.setattr(eligibility, "ELIGIBILITY_RULES", (*eligibility.ELIGIBILITY_RULES, rule))


async def served_actions(store: Store, policy: Policy, context: dict[str, Any]) -> set[str | None]:
    worker = Worker(store)
    await worker.serve(policy)
    results = await worker.decide(*[PlacementRequest(policy.placement)] * 20, data=context)
    return {result.slots[0].action for result in results}


def replayed_actions(policy: Policy, context: dict[str, Any]) -> set[str | None]:
    replayed = ReplayedPolicy(policy)
    choices = [replayed.decide(LoggedRow(context, 0, 0.0, 0.5, 86_400_000 + number)) for number in range(20)]
    return {None if choice is None else policy.actions[choice].id for choice in choices}


@pytest.mark.usefixtures("television_rule")
async def test_a_new_eligibility_rule_applies_to_serving_explanation_and_replay(store: Store) -> None:
    policy = Policy("hero", (Action("plain"), Action("deal")), ("plain",), control_share=0.0)
    television: dict[str, Any] = {"screen": "tv"}
    assert await served_actions(store, policy, {}) == replayed_actions(policy, {}) == {"plain", "deal"}
    assert await served_actions(store, policy, television) == replayed_actions(policy, television) == {"plain"}
    state, request = VisitorState({"data": television}, now=5), PlacementRequest("hero")
    explanation = explain(served(policy), state, request, LogTimes())
    assert [(one.id, one.propensity, one.refused) for one in explanation.actions] == [
        ("plain", 1.0, None),
        ("deal", None, "television"),
    ]
