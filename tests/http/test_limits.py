from __future__ import annotations

from typing import Any

import pytest

from edgewise.errors import RequestError
from edgewise.http.limits import Limits

LIMITS = Limits("data", values=6, depth=3, text=5)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "12345",
        {"a": {"b": [1, "x"]}},
        [2**64 - 1, -(2**63), 1e308, False, None],
        {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5},
    ],
)
def test_value_within_the_limits_is_accepted(value: Any) -> None:
    LIMITS.check(value)


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"a": 2**64}, "data.a", "Expected an integer of at most 64 bits, found a larger one."),
        ({"a": -(2**63) - 1}, "data.a", "Expected an integer of at most 64 bits, found a larger one."),
        ({"a": [float("nan")]}, "data.a.0", "Expected a finite number, found nan."),
        ({"a": {"b": float("-inf")}}, "data.a.b", "Expected a finite number, found -inf."),
        ({"a": "123456"}, "data.a", "Expected at most 5 characters, found 6."),
        ({"123456": 1}, "data", "Expected at most 5 characters, found 6."),
        ({"a": ["\0"]}, "data.a.0", "Expected a text without NUL characters. Remove them."),
        ({"a\0": 1}, "data", "Expected a text without NUL characters. Remove them."),
        ({"a": [1, 2, 3, 4, 5]}, "data", "Expected at most 6 values, found more."),
        ({"a": {"b": {"c": []}}}, "data.a.b.c", "Expected at most 3 levels of nesting, found more."),
        ({"a": b"x"}, "data.a", "Expected a type that JSON has, found bytes."),
        ({"a": {5: 1}}, "data.a", "Expected texts as keys, found a key of type int."),
    ],
)
def test_value_beyond_a_limit_is_refused_with_its_path(value: Any, path: str, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        LIMITS.check(value)
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
    assert refused.value.details == [(path, message)]
    assert refused.value.message == f"{path}: {message}"


def test_top_level_value_without_a_path_is_the_message() -> None:
    with pytest.raises(RequestError) as refused:
        LIMITS._replace(path="").check(float("inf"))
    assert refused.value.details[0].path == "message"
