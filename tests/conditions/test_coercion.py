from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.conditions import coercion
from tests.conditions.strategies import VALUES


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (2.0, "2"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (123456.75, "123456.75"),
        (1e16, "10000000000000000"),
        (1.5e20, "150000000000000000000"),
        (1e21, "1e+21"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (10**22, "1e+22"),
        (10**4000, "Infinity"),
        (-(10**4000), "-Infinity"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (12345678901234567890, "12345678901234567890"),
        ([], ""),
        ([1, None, [2.0, "x"], {}], "1,,2,x,[object Object]"),
        ({"a": 1}, "[object Object]"),
        (b"bytes", "[object Object]"),
    ],
)
def test_text_is_that_of_javascript(value: Any, text: str) -> None:
    assert coercion.text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0),
        (True, 1),
        ("", 0),
        (" 12 ", 12),
        ("-1.5e3", -1500),
        (".5", 0.5),
        ("5.", 5),
        ("0x1F", 31),
        ("0b101", 5),
        ("0o17", 15),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
        ([], 0),
        ([7], 7),
        (10**400, 10**400),
    ],
)
def test_numbers_are_those_of_javascript(value: Any, number: float) -> None:
    assert coercion.number(value) == number


@pytest.mark.parametrize(
    "value", ["x", "1,2", "1_000", "nan", "inf", "-0x1", "٣", ".", "e5", [1, 2], {}, math.nan, b"1"]
)
def test_other_values_are_nan_as_numbers(value: Any) -> None:
    assert math.isnan(coercion.number(value))


def test_a_number_with_too_many_digits_is_infinity_as_text() -> None:
    assert coercion.text([10**5000, -(10**5000)]) == "Infinity,-Infinity"


def test_a_long_text_of_digits_is_parsed_in_linear_time() -> None:
    assert math.isnan(coercion.number("1" * 1_000_000 + "x"))


@pytest.mark.parametrize("value", [None, False, 0, 0.0, math.nan, ""])
def test_falsy_values(value: Any) -> None:
    assert not coercion.truthy(value)


@pytest.mark.parametrize("value", [True, -1, math.inf, "0", "false", [], {}, object()])
def test_truthy_values(value: Any) -> None:
    assert coercion.truthy(value)


@given(VALUES, VALUES)
def test_same_implies_alike_and_both_are_symmetric(value: Any, other: Any) -> None:
    assert coercion.same(value, other) is coercion.same(other, value)
    assert coercion.alike(value, other) is coercion.alike(other, value)
    assert coercion.alike(value, other) or not coercion.same(value, other)


@given(VALUES)
def test_every_json_value_is_alike_to_itself(value: Any) -> None:
    assert coercion.alike(value, value)


def test_true_is_not_one_at_any_depth() -> None:
    assert not coercion.same(True, 1)
    assert not coercion.alike({"a": [True]}, {"a": [1]})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_conversion_to_text_and_back(value: float) -> None:
    assert coercion.number(coercion.text(value)) == value
