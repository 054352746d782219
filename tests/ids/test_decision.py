from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import StoreUnavailable
from edgewise.ids.decision import DecisionIdParts, DecisionIds, UnknownDecision, new_key, policy_id
from edgewise.types import PolicyRef

RING = (b"new key" * 4, b"old key" * 4)
POLICY = policy_id(PolicyRef("shop", "hero"))


@pytest.mark.parametrize("has_visitor", [True, False])
def test_decision_id_carries_policy_slots_key_and_whether_it_has_a_visitor(has_visitor: bool) -> None:
    ids, key = DecisionIds(RING), new_key()
    text = ids.issue(POLICY, 4, key, has_visitor=has_visitor)
    assert len(text) == 36
    assert ids.read(text) == DecisionIdParts(POLICY, 4, key, has_visitor)


def test_decision_id_stays_valid_when_the_key_is_rotated() -> None:
    text = DecisionIds(RING[1:]).issue(POLICY, 1, new_key())
    assert DecisionIds(RING).read(text).policy_id == POLICY


def test_decision_id_of_another_installation_is_refused() -> None:
    text = DecisionIds((b"their key" * 3,)).issue(POLICY, 1, new_key())
    with pytest.raises(UnknownDecision, match=r"^Unknown decision id\. Send the `decisionId`"):
        DecisionIds(RING).read(text)


@given(st.integers(0, 35), st.sampled_from("AbZ09-_"))
def test_tampered_decision_id_is_refused(place: int, character: str) -> None:
    ids = DecisionIds(RING)
    text = ids.issue(POLICY, 1, b"0123456789ab")
    forged = text[:place] + character + text[place + 1 :]
    if forged != text:
        with pytest.raises(UnknownDecision):
            ids.read(forged)


@given(st.text(max_size=60))
def test_text_that_is_no_decision_id_is_refused(text: str) -> None:
    with pytest.raises(UnknownDecision):
        DecisionIds(RING).read(text)


def test_decision_ids_need_the_keys_from_the_store() -> None:
    ids = DecisionIds()
    with pytest.raises(StoreUnavailable, match="were not read from the store yet"):
        ids.issue(POLICY, 1, new_key())
    ids.ring = b"k" * 32
    assert ids.read(ids.issue(POLICY, 1, b"0123456789ab")).key == b"0123456789ab"
