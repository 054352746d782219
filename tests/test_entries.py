"""The log's entries and their bytes, which must never change."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.entries import Cut, Decision, Entry, Event, Outcome, Robot, SlotChoice, Tick, Version, decode, encode
from edgewise.errors import EntryError

KEY, VERSION, VISITOR, MESSAGE = b"k" * 12, b"version1", b"visitor1", b"message1"
SLOTS = (SlotChoice(2, array("f", (0.25, 0.75))), SlotChoice(0, array("f")))
BYTES: list[tuple[Entry, str]] = [
    (
        Decision(KEY, VERSION, 7, "control", (VISITOR,), "shared |d type=tv", (0, 2, 9), SLOTS),
        "9900c40c6b6b6b6b6b6b6b6b6b6b6b6bc40876657273696f6e31070191c40876697369746f7231b1736861726564207c6420747970653d7476"
        "c4020502929202c4080000803e0000403f9200c400",
    ),
    (
        Decision(KEY, VERSION, 0, "policy", (), "shared |", None, ()),
        "9900c40c6b6b6b6b6b6b6b6b6b6b6b6bc40876657273696f6e31000090a8736861726564207cc090",
    ),
    (
        Outcome(KEY, None, "$reward", 0.5, 1200, MESSAGE),
        "9701c40c6b6b6b6b6b6b6b6b6b6b6b6bc0a724726577617264cb3fe0000000000000cd04b0c4086d65737361676531",
    ),
    (
        Event((VISITOR,), "Order Completed", 5, MESSAGE),
        "950291c40876697369746f7231af4f7264657220436f6d706c6574656405c4086d65737361676531",
    ),
    (Version(VERSION, MESSAGE), "9303c40876657273696f6e31c4086d65737361676531"),
    (Tick(), "9104"),
    (Cut(), "9105"),
    (Robot(), "9106"),
]
FLOATS = st.floats(0, 1, width=32)
DIGESTS = st.binary(min_size=8, max_size=8)
AGES = st.integers(0, 10**9)
SLOT_CHOICES = st.builds(SlotChoice, st.integers(0, 500), st.lists(FLOATS, max_size=4).map(lambda p: array("f", p)))
DECISIONS = st.builds(
    Decision,
    key=st.binary(min_size=12, max_size=12),
    version=DIGESTS,
    model_version=st.integers(0, 2**40),
    group=st.sampled_from(("policy", "control", "pinned")),
    visitor=st.lists(DIGESTS, max_size=2).map(tuple),
    context=st.text(max_size=20),
    eligible=st.none() | st.sets(st.integers(0, 500)).map(sorted).map(tuple),
    slots=st.lists(SLOT_CHOICES, max_size=3).map(tuple),
)
OTHER_ENTRIES = st.one_of(
    st.builds(Outcome, DIGESTS, st.none() | st.integers(0, 9), st.text(max_size=9), st.none() | FLOATS, AGES, DIGESTS),
    st.builds(Event, st.lists(DIGESTS, max_size=2).map(tuple), st.text(max_size=9), AGES, DIGESTS),
    st.builds(Version, DIGESTS, DIGESTS),
    st.sampled_from((Tick(), Cut(), Robot())),
)


@given(DECISIONS | OTHER_ENTRIES)
def test_decoding_inverts_encoding(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


@pytest.mark.parametrize(("entry", "stored"), BYTES)
def test_an_entry_has_the_bytes_of_earlier_releases(entry: Entry, stored: str) -> None:
    assert encode(entry).hex() == stored
    assert decode(bytes.fromhex(stored)) == entry


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x90", b"\x91\x63", b"\x92\x00\x01", b"\x01"])
def test_unknown_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(EntryError, match=f"Unknown log entry of {len(data)} bytes"):
        decode(data)
