from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.names import (
    MAX_COUNT,
    MAX_NAME_BYTES,
    add_counts,
    bounded,
    count_name,
    keep_greatest,
    merge_counts,
    merge_times,
    seconds,
)

values = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, MAX_COUNT))


@given(st.text())
def test_bounded_text_is_a_prefix_within_the_limit(text: str) -> None:
    cut = bounded(text)
    assert len(cut.encode()) <= MAX_NAME_BYTES
    assert text.encode("utf-8", "replace").decode().startswith(cut)


@given(st.integers())
def test_seconds_are_bounded(time: int) -> None:
    assert 0 <= seconds(time) <= MAX_COUNT


def test_counts_do_not_overflow() -> None:
    assert add_counts(MAX_COUNT, 5) == MAX_COUNT
    assert merge_counts({"a": MAX_COUNT}, {"a": 1, "b": 2}, 5) == {"a": MAX_COUNT, "b": 2}


def test_new_name_replaces_the_rarest() -> None:
    assert count_name({"a": 2, "b": 1}, "c", 2) == {"a": 2, "c": 1}
    assert count_name({"a": 2, "b": 1}, "a", 2) == {"a": 3, "b": 1}


@given(values, values)
def test_merging_is_commutative(one: dict[str, int], other: dict[str, int]) -> None:
    for merge in (merge_counts, merge_times):
        assert list(merge(one, other, 4).items()) == list(merge(other, one, 4).items())


@given(values, st.integers(0, 6))
def test_greatest_values_stay(all_values: dict[str, int], limit: int) -> None:
    kept = keep_greatest(all_values, limit)
    assert len(kept) == min(limit, len(all_values))
    dropped = all_values.keys() - kept.keys()
    assert all(all_values[name] <= value for name in dropped for value in kept.values())
