from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.traits import MAX_TRAITS, Traits, check_traits, merge_traits, with_traits

values = st.text(max_size=10) | st.booleans() | st.integers(-100, 100)
traits_at = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.integers(0, 5), values), max_size=MAX_TRAITS)


def test_traits_are_set_replaced_and_removed() -> None:
    traits = with_traits({}, {"plan": "free", "age": 30}, 5)
    assert with_traits(traits, {"plan": "pro", "age": None}, 6) == {"plan": (6, "pro")}


def test_earlier_value_does_not_replace_a_later_one() -> None:
    assert with_traits({"plan": (5, "pro")}, {"plan": "free"}, 4) == {"plan": (5, "pro")}


def test_only_the_traits_that_were_set_last_stay() -> None:
    old = with_traits({}, {f"old {n}": n for n in range(MAX_TRAITS)}, 1)
    assert with_traits(old, {"new": 1}, 2).keys() == {"new", *(f"old {n}" for n in range(MAX_TRAITS - 1))}


def test_values_that_conditions_cannot_use_are_left_out() -> None:
    assert with_traits({}, {"list": [1], "map": {}, "big": 2**54, "nan": float("nan"), "long": "x" * 50}, 1) == {
        "long": (1, "x" * 40)
    }


@given(traits_at, traits_at)
def test_merging_is_commutative(one: Traits, other: Traits) -> None:
    assert list(merge_traits(one, other).items()) == list(merge_traits(other, one).items())


@pytest.mark.parametrize("value", ["", "x" * 40, 0, -1.5, 2**53, True, None])
def test_valid_traits_have_no_problems(value: Any) -> None:
    assert check_traits({"name": value}) == []


@pytest.mark.parametrize(
    ("traits", "problem"),
    [
        ({"a": "x" * 41}, ("traits.a", "Expected a text of 0 to 40 bytes of UTF-8, found 41.")),
        ({"a": "\ud800"}, ("traits.a", "Expected a text in Unicode, found half of a surrogate pair.")),
        ({"a": "b\0"}, ("traits.a", "Expected a text without NUL characters.")),
        ({"a": float("nan")}, ("traits.a", "Expected a number from -2^53 to 2^53, found nan.")),
        ({"a": [1]}, ("traits.a", "Expected a text, a number, true, false or null, found a value of type list.")),
        ({"": 1}, ("traits", "Expected a name of 1 to 40 bytes of UTF-8, found 0.")),
        ({str(n): n for n in range(7)}, ("traits", "Expected at most 6 traits, found 7.")),
    ],
)
def test_invalid_trait_is_a_problem_with_its_path(traits: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problem in check_traits(traits)
