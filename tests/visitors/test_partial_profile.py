from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from edgewise.errors import ProfileError
from edgewise.visitors.activity import Activity
from edgewise.visitors.attribute_table import ATTRIBUTES, FULL_PROFILE_ONLY
from edgewise.visitors.attributes import make_attributes
from edgewise.visitors.identity import read_partial_profile
from edgewise.visitors.needed_attributes import NeededAttributes
from edgewise.visitors.partial_profile import RAW_FIELDS, PartialProfile, decode_partial
from edgewise.visitors.profile import Profile
from tests.visitors.activities import NOW, activities, make_profile

DECODED = [field.name for field in fields(Profile) if field.name not in RAW_FIELDS]
NAMES = sorted({one.name for one in ATTRIBUTES} - FULL_PROFILE_ONLY)


def test_partial_profile_has_the_fields_of_a_profile() -> None:
    assert [field.name for field in fields(PartialProfile)] == [field.name for field in fields(Profile)]
    assert {field.name for field in fields(Profile)} > RAW_FIELDS


@given(st.lists(activities, max_size=20))
def test_decoded_fields_equal_those_of_the_profile(many: list[Activity]) -> None:
    profile = make_profile(*many)
    partial = decode_partial(profile.encode())
    assert [getattr(partial, name) for name in DECODED] == [getattr(profile, name) for name in DECODED]


def test_a_record_without_the_newest_fields_has_their_defaults() -> None:
    record = msgspec.msgpack.decode(Profile(sessions=3).encode())
    for length in range(DECODED.index("sessions") + 1, len(record)):
        partial = decode_partial(msgspec.msgpack.encode(record[:length]))
        assert [getattr(partial, name) for name in DECODED] == [getattr(Profile(sessions=3), name) for name in DECODED]


@given(st.lists(activities, max_size=20), st.sets(st.sampled_from(NAMES)))
def test_attributes_equal_those_of_the_profile(many: list[Activity], names: set[str]) -> None:
    profile = make_profile(*many)
    needed = NeededAttributes(f"visitor.{name}" for name in names)
    full, partial = (
        make_attributes(one, NOW, needed=needed) for one in (profile, read_partial_profile(profile.encode()))
    )
    assert {name: value for name, value in full.items() if name not in FULL_PROFILE_ONLY} == {
        name: value for name, value in partial.items() if name not in FULL_PROFILE_ONLY
    }


def test_invalid_bytes_are_an_error() -> None:
    with pytest.raises(ProfileError, match=r"^Expected an encoded profile, found 4 bytes: "):
        decode_partial(b"\x93\x01\x02\x03")


def test_invalid_bytes_are_read_as_an_empty_profile(caplog: pytest.LogCaptureFixture) -> None:
    assert make_attributes(read_partial_profile(b"\x93\x01\x02\x03"), NOW)["sessions"] == 0
    assert "cannot be read" in caplog.text
