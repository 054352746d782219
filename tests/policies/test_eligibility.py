"""The eligibility rules and their reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.policies.eligibility import ELIGIBILITY_RULES, Circumstances, Refusal
from edgewise.policies.policy import Action, Policy

ACTIONS = (
    Action("plain"),
    Action("off", enabled=False, ends=10, when={"device.type": "mobile"}),
    Action("timed", starts=10, ends=20, when={"device.type": "mobile"}),
    Action("mobile", when={"device.type": "mobile"}),
)
COMPILED = CompiledPolicy(Policy("hero", ACTIONS, ("plain",)))
EVERYTHING = ("plain", "off", "timed", "mobile", "unknown")


@pytest.mark.parametrize(
    ("circumstances", "refusals"),
    [
        (Circumstances({"device": {"type": "mobile"}}, 10), {1: "off"}),
        (Circumstances({"device": {"type": "mobile"}}, 20), {1: "off", 2: "time"}),
        (Circumstances({}, 10), {1: "off", 2: "condition", 3: "condition"}),
        (Circumstances({}, 10, barred=[0, 3]), {0: "seen", 1: "off", 2: "condition", 3: "seen"}),
        (Circumstances({}, 10, EVERYTHING, [0, 1, 2, 3]), {0: "excluded", 1: "off", 2: "excluded", 3: "excluded"}),
        (Circumstances({}, 9, EVERYTHING, [0, 1, 2, 3]), {0: "excluded", 1: "off", 2: "time", 3: "excluded"}),
    ],
)
def test_the_last_rule_that_refuses_an_action_gives_the_reason(
    circumstances: Circumstances, refusals: dict[int, Refusal]
) -> None:
    assert COMPILED.refusals(circumstances) == refusals


@given(
    st.builds(
        Circumstances,
        st.fixed_dictionaries({"device": st.fixed_dictionaries({"type": st.sampled_from(["mobile", "desktop"])})}),
        st.integers(0, 30),
        st.lists(st.sampled_from(EVERYTHING)),
        st.lists(st.integers(0, 3)),
    )
)
def test_an_action_is_eligible_exactly_if_no_rule_refuses_it(circumstances: Circumstances) -> None:
    eligible, refusals = COMPILED.eligible(circumstances), COMPILED.refusals(circumstances)
    assert (eligible is None) == (not refusals)
    assert set(range(4) if eligible is None else eligible) == set(range(4)) - refusals.keys()


def test_a_policy_without_conditions_and_times_compiles_fewer_checks() -> None:
    plain = CompiledPolicy(Policy("hero", (Action("plain"),), ("plain",)))
    assert [reason for reason, _ in plain._checks] == ["seen", "excluded"]
    assert [reason for reason, _ in COMPILED._checks] == [rule.reason for rule in ELIGIBILITY_RULES]
