from __future__ import annotations

import math
from typing import Any

import pytest

from edgewise.config.literals import LARGEST_INTEGER, feature, json_problems, json_scalar, payload_problems
from edgewise.errors import Problem


@pytest.mark.parametrize("value", ["text", True, 7, LARGEST_INTEGER, 0.5])
def test_scalars_that_json_and_browsers_can_represent_are_valid(value: Any) -> None:
    assert json_scalar(value) is value


@pytest.mark.parametrize("value", [LARGEST_INTEGER + 1, math.nan, math.inf, None, [], {}])
def test_other_scalars_are_invalid(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^Expected .*, found .*\."):
        json_scalar(value)


def test_a_feature_may_be_a_list_of_scalars() -> None:
    assert feature(["a", 1, False]) == ("a", 1, False)


def test_the_lengths_of_features_are_limited() -> None:
    with pytest.raises(ValueError, match=r"^Expected a list of at most 100 elements, found a list of 101 elements\.$"):
        feature(["a"] * 101)
    with pytest.raises(ValueError, match=r"^Expected text of at most 256 characters, found 257 characters\.$"):
        feature("a" * 257)


def test_every_invalid_part_of_a_literal_is_reported_with_its_path() -> None:
    assert [problem.path for problem in json_problems({"a": [1, math.nan], "b": {"c": None}}, "payload")] == [
        "payload.a[1]",
        "payload.b.c",
    ]


def test_the_size_of_a_payload_is_limited() -> None:
    assert payload_problems({"text": "x" * 1000}, "payload") == []
    assert payload_problems({"text": "x" * 17_000}, "payload") == [
        Problem("payload", "Expected at most 16384 bytes as JSON, found 17011 bytes.")
    ]
