from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.ids.decision import DecisionIds, DecisionName, UnknownDecision, new_key, policy_id
from edgewise.types import PolicyRef

RING = (b"new key" * 4, b"old key" * 4)
POLICY = policy_id(PolicyRef("shop", "hero"))


@pytest.mark.parametrize("tied", [True, False])
def test_an_id_leads_to_its_policy_slots_and_key_and_says_whether_it_is_tied_to_a_visitor(tied: bool) -> None:
    ids, key = DecisionIds(RING), new_key()
    text = ids.issue(POLICY, 4, key, tied=tied)
    assert len(text) == 36
    assert ids.read(text) == DecisionName(POLICY, 4, key, tied)


def test_rotating_the_key_leaves_open_decisions_valid() -> None:
    text = DecisionIds(RING[1:]).issue(POLICY, 1, new_key())
    assert DecisionIds(RING).read(text).policy_id == POLICY


def test_an_id_of_another_installation_is_foreign() -> None:
    text = DecisionIds((b"their key" * 3,)).issue(POLICY, 1, new_key())
    with pytest.raises(UnknownDecision, match="36 characters"):
        DecisionIds(RING).read(text)


@given(st.integers(0, 35), st.sampled_from("AbZ09-_"))
def test_an_id_that_was_tampered_with_is_refused(place: int, character: str) -> None:
    ids = DecisionIds(RING)
    text = ids.issue(POLICY, 1, b"0123456789ab")
    forged = text[:place] + character + text[place + 1 :]
    if forged != text:
        with pytest.raises(UnknownDecision):
            ids.read(forged)


@given(st.text(max_size=60))
def test_whatever_is_not_an_id_is_refused(text: str) -> None:
    with pytest.raises(UnknownDecision):
        DecisionIds(RING).read(text)
