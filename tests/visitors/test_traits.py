from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.traits import MAX_TRAITS, Traits, check_traits, free_bytes, merge_traits, with_traits

values = st.text(max_size=10) | st.booleans() | st.integers(-100, 100)
traits_at = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.integers(0, 5), values), max_size=MAX_TRAITS)


def test_traits_are_set_replaced_and_removed() -> None:
    traits = with_traits({}, {"plan": "free", "age": 30}, 5)
    assert with_traits(traits, {"plan": "pro", "age": None}, 6) == {"plan": (6, "pro")}


def test_earlier_value_does_not_replace_a_later_one() -> None:
    assert with_traits({"plan": (5, "pro")}, {"plan": "free"}, 4) == {"plan": (5, "pro")}


def test_only_the_traits_that_were_set_last_stay() -> None:
    old = with_traits({}, {f"old {n:02}": n for n in range(MAX_TRAITS)}, 1)
    assert with_traits(old, {"new": 1}, 2).keys() == {"new", *(f"old {n:02}" for n in range(MAX_TRAITS - 1))}


def test_values_that_conditions_cannot_use_are_left_out() -> None:
    given = {"map": {}, "big": 2**54, "nan": float("nan"), "long": "x" * 300, "list": [[1], {}, None, "a"]}
    assert with_traits({}, given, 1) == {"long": (1, "x" * 256), "list": (1, ("a",))}


def test_a_list_is_cut_to_16_values_and_256_bytes_of_text() -> None:
    assert with_traits({}, {"a": list(range(20))}, 1) == {"a": (1, tuple(range(16)))}
    assert with_traits({}, {"a": ["x" * 200, "y" * 200, "z", True, ""]}, 1) == {
        "a": (1, ("x" * 200, "y" * 56, True, ""))
    }


@given(st.lists(st.text(max_size=300) | st.booleans() | st.floats() | st.none() | st.lists(st.none()), max_size=30))
def test_a_list_that_is_kept_is_valid(values: list[Any]) -> None:
    kept = with_traits({}, {"a": [one.replace("\0", "") if isinstance(one, str) else one for one in values]}, 1)
    assert check_traits({name: value for name, (_, value) in kept.items()}) == []


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.tuples(st.integers(0, 5), values)), st.integers(1, 300))
def test_the_traits_that_were_set_first_make_room(traits: Traits, excess: int) -> None:
    kept = free_bytes(traits, excess)
    assert not kept or size(kept) <= size(traits) - excess
    for name in traits.keys() - kept.keys():
        assert all((-traits[name][0], name) > (-at, other) for other, (at, _) in kept.items())


def size(traits: Traits) -> int:
    return len(msgspec.msgpack.encode(traits))


@given(traits_at, traits_at)
def test_merging_is_commutative(one: Traits, other: Traits) -> None:
    assert list(merge_traits(one, other).items()) == list(merge_traits(other, one).items())


@pytest.mark.parametrize("value", ["", "x" * 256, 0, -1.5, 2**53, True, None, [], ["a", 1, False], ["x"] * 16])
def test_valid_traits_have_no_problems(value: Any) -> None:
    assert check_traits({"name": value}) == []


@pytest.mark.parametrize(
    ("traits", "problem"),
    [
        ({"a": "x" * 257}, ("traits.a", "Expected a text of 0 to 256 bytes of UTF-8, found 257.")),
        ({"a": [1] * 17}, ("traits.a", "Expected a list of at most 16 values, found 17.")),
        ({"a": ["x" * 200] * 2}, ("traits.a", "Expected a list with at most 256 bytes of text, found 400.")),
        (
            {"a": [[1]]},
            ("traits.a", "Expected a list of texts, numbers, true or false, found a list."),
        ),
        ({"a": "\ud800"}, ("traits.a", "Expected a text in Unicode, found half of a surrogate pair.")),
        ({"a": "b\0"}, ("traits.a", "Expected a text without NUL characters.")),
        ({"a": float("nan")}, ("traits.a", "Expected a number from -2^53 to 2^53, found nan.")),
        (
            {"a": {}},
            ("traits.a", "Expected a text, a number, true, false, null or a list, found an object."),
        ),
        ({"": 1}, ("traits", "Expected a name of 1 to 40 bytes of UTF-8, found 0.")),
        ({str(n): n for n in range(65)}, ("traits", "Expected at most 64 traits, found 65.")),
    ],
)
def test_invalid_trait_is_a_problem_with_its_path(traits: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problem in check_traits(traits)
