from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from edgewise.conditions.semver import is_version, order_key

IN_ORDER = [
    "0.9.99",
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-rc.2",
    "1.0.0-rc.11",
    "v1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "10.0.0",
]


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(IN_ORDER)))
def test_versions_sort_by_precedence(earlier: str, later: str) -> None:
    assert order_key(earlier) < order_key(later)


def test_a_leading_v_and_build_metadata_are_ignored() -> None:
    assert order_key("v1.2.3+linux.5") == order_key("1.2.3")


@pytest.mark.parametrize("value", [None, True, "", [], {}, object(), 0])
def test_other_values_count_as_version_zero(value: Any) -> None:
    assert order_key(value) == order_key("0")


def test_a_number_counts_as_its_text() -> None:
    assert order_key(17.4) == order_key("17.4")


@pytest.mark.parametrize("value", ["1", "1.2", "v1.2.3", "1.2.3.4", "2.0.0-rc.1+build.7"])
def test_usual_versions_are_valid(value: str) -> None:
    assert is_version(value)


@pytest.mark.parametrize("value", ["", "x", "1.", "1..2", ">=1.2", "1.2.x", "latest", 1, None, "1.2\n"])
def test_other_values_are_invalid(value: Any) -> None:
    assert not is_version(value)
