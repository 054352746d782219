from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.learner.seen_decisions import SeenDecisions

VISITOR, OTHER = b"visitor.", b"other..."


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=120))
def test_a_visitor_has_the_keys_that_were_added_and_not_removed(steps: list[tuple[bool, int]]) -> None:
    seen, expected = SeenDecisions(), set[bytes]()
    for adds, number in steps:
        key = number.to_bytes(12, "big")
        if adds and key not in expected:
            seen.add(VISITOR, key)
            expected.add(key)
        elif not adds:
            seen.remove(VISITOR, key)
            expected.discard(key)
        assert sorted(seen.of(VISITOR)) == sorted(expected)


def test_visitors_are_apart() -> None:
    seen = SeenDecisions()
    seen.add(VISITOR, b"one decision")
    seen.remove(OTHER, b"one decision")
    assert list(seen.of(VISITOR)) == [b"one decision"]
    assert list(seen.of(OTHER)) == []
