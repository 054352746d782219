from __future__ import annotations

from contextlib import suppress
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import ProfileError
from edgewise.types import Digest
from edgewise.visitors import profile as profiles
from edgewise.visitors.message import Kind
from edgewise.visitors.profile import LIMIT_BYTES, REMEMBERED_MESSAGES, SESSION_GAP, Act, Profile

NOW = 1_760_000_000_000

digests = st.binary(min_size=8, max_size=8)
acts = st.builds(
    Act,
    st.sampled_from(get_args(Kind)),
    st.none() | st.sampled_from(["Order Completed", "Product Viewed"]) | st.text(max_size=256),
    st.integers(0, 2**45),
    digests,
    st.lists(digests, max_size=4).map(tuple),
    st.floats(allow_nan=False, allow_infinity=False),
)


def act(
    name: str = "Product Viewed", at: int = NOW, message: int = 1, ids: tuple[Digest, ...] = (), revenue: float = 0.0
) -> Act:
    return Act("track", name, at, message.to_bytes(8, "little"), ids, revenue)


def lived(*many: Act) -> Profile:
    profile = Profile()
    for one in many:
        profile = profile.apply(one)
    return profile


@given(st.lists(acts, max_size=REMEMBERED_MESSAGES, unique_by=lambda one: one.message[:4]))
def test_whatever_is_sent_again_changes_nothing(many: list[Act]) -> None:
    once = lived(*many)
    assert lived(*many, *many) == once


@given(st.lists(acts, max_size=200))
def test_a_profile_stays_within_its_bound_and_reads_back_as_it_was(many: list[Act]) -> None:
    profile = lived(*many)
    stored = profile.encode()
    assert len(stored) <= LIMIT_BYTES
    assert profiles.decode(stored) == profile


def test_the_largest_profile_there_can_be_is_within_its_bound() -> None:
    names = [f"{number:02d}" + "\U0001f6d2" * 64 for number in range(40)]
    profile = lived(
        *(
            act(names[number % 40], 2**45 + number, number, ids=(number.to_bytes(8, "big"),), revenue=1e300)
            for number in range(1000)
        )
    )
    assert 1500 < len(profile.encode()) <= LIMIT_BYTES


def test_a_typical_profile_is_under_a_kilobyte() -> None:
    names = ["Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Newsletter Signed Up"]
    profile = lived(
        *(act(names[number % 5], NOW + number * 60_000, number, ids=(b"visitor1",)) for number in range(200))
    )
    assert len(profile.encode()) < 1024


@given(st.lists(acts, min_size=1, max_size=20), st.data())
def test_a_profile_cut_short_is_an_error(many: list[Act], data: st.DataObject) -> None:
    stored = lived(*many).encode()
    length = data.draw(st.integers(0, len(stored) - 1))
    with pytest.raises(ProfileError, match=f"^{length} bytes are not a profile: "):
        profiles.decode(stored[:length])


@given(st.binary(max_size=200))
def test_damaged_bytes_are_an_error_or_a_profile_but_nothing_else(stored: bytes) -> None:
    with suppress(ProfileError):
        assert isinstance(profiles.decode(stored), Profile)


def test_a_profile_of_a_later_format_is_an_error() -> None:
    fields = list(msgspec.to_builtins(Profile(), builtin_types=(bytes,)))
    with pytest.raises(ProfileError, match="2"):
        profiles.decode(msgspec.msgpack.encode([2, *fields[1:]]))
    with pytest.raises(ProfileError):
        profiles.decode(msgspec.msgpack.encode([*fields, "more"]))


def test_half_an_hour_away_begins_a_new_session() -> None:
    profile = lived(act(message=1), act(at=NOW + SESSION_GAP, message=2))
    assert (profile.sessions, profile.first_seen, profile.last_seen) == (1, NOW, NOW + SESSION_GAP)
    later = NOW + 2 * SESSION_GAP + 1
    assert lived(act(message=1), act(at=NOW + SESSION_GAP, message=2), act(at=later, message=3)).sessions == 2


def test_a_message_that_comes_late_begins_no_session() -> None:
    profile = lived(act(message=1), act(at=NOW - 10 * SESSION_GAP, message=2))
    assert (profile.sessions, profile.first_seen, profile.last_seen) == (1, NOW - 10 * SESSION_GAP, NOW)


def test_orders_and_pages_are_counted_and_revenue_is_summed() -> None:
    profile = lived(
        act("Order Completed", message=1, revenue=10.25),
        act("Order Completed", message=2, revenue=5.5),
        act("Product Viewed", message=3, revenue=99.0),
        act(message=4)._replace(kind="page", name=None),
    )
    assert profiles.attributes(profile) == {
        "returning": False,
        "sessions": 1,
        "pageViews": 1,
        "orders": 2,
        "revenue": 15.75,
        "events": {"Order Completed": 2, "Product Viewed": 1},
    }


def test_a_new_event_name_takes_the_place_of_the_rarest() -> None:
    often = [act(f"often {number}", message=2 * number + extra) for number in range(23) for extra in (0, 1)]
    profile = lived(*often, act("once", message=100), act("new", message=101))
    assert len(profile.events) == 24
    assert "new" in profile.events
    assert "once" not in profile.events


def test_nothing_is_known_of_a_stranger_and_no_id_is_an_attribute() -> None:
    stranger = profiles.attributes(None)
    known = profiles.attributes(lived(act(ids=(b"visitor1",))))
    assert stranger["sessions"] == 0
    assert stranger.keys() == known.keys()
    assert b"visitor1" not in known.values()
