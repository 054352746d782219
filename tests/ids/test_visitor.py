from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.ids.visitor import (
    VisitorIds,
    anonymous_digest,
    message_digest,
    unlinkable_message_digest,
    user_digest,
    visitor_digests,
)
from edgewise.types import is_user


@given(st.text())
def test_digests_are_eight_bytes_and_differ_by_kind(text: str) -> None:
    anonymous, user, message = anonymous_digest(text), user_digest(text), message_digest(text)
    assert {len(anonymous), len(user), len(message)} == {8}
    assert (is_user(anonymous), is_user(user)) == (False, True)
    assert len({anonymous, user, message}) == 3


def test_anonymous_digest_comes_first() -> None:
    assert visitor_digests("a", "u") == (anonymous_digest("a"), user_digest("u"))
    assert visitor_digests(None, "u") == (user_digest("u"),)
    assert visitor_digests(None, None) == ()


def test_message_digest_differs_beside_another_decision() -> None:
    assert unlinkable_message_digest("m", b"0123456789ab") == unlinkable_message_digest("m", b"0123456789ab")
    assert unlinkable_message_digest("m", b"0123456789ab") != unlinkable_message_digest("m", b"ba9876543210")


def test_later_ids_replace_earlier_ones() -> None:
    assert VisitorIds("a", "u").updated_with(VisitorIds("b")) == VisitorIds("b", "u")
