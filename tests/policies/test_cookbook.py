"""The segments of the cookbook in docs/guides/targeting.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edgewise.config.table import Table
from edgewise.policies.segments import Segments, read_segments
from edgewise.visitors.attributes import make_attributes

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "targeting.md").read_text()
NOBODY = make_attributes(None, 0)


@pytest.fixture(scope="module")
def cookbook() -> Segments:
    found = re.search(r"```toml\n(\[segments\].*?)```", PAGE, re.DOTALL)
    assert found is not None
    table = Table(tomllib.loads(found[1]), "", [])
    segments = read_segments(table)
    assert table.problems == []
    return Segments(segments)


@pytest.mark.parametrize(
    ("known", "segments"),
    [
        ({}, ["new-visitor", "stage-awareness"]),
        ({"sessions": 1, "productsViewed": 2}, ["new-visitor", "stage-consideration"]),
        ({"sessions": 2, "returning": True, "daysSinceLast": 29}, ["stage-awareness"]),
        ({"sessions": 2, "returning": True, "daysSinceLast": 30}, ["back-after-30-days", "stage-awareness"]),
        ({"sessions": 2, "cartItems": 1, "minutesSinceCart": 5}, ["stage-decision"]),
        ({"sessions": 2, "cartItems": 1, "minutesSinceCart": 30}, ["left-cart", "stage-decision"]),
        ({"sessions": 4, "orders": 3, "revenue": 99.5}, ["frequent-buyer", "stage-retention"]),
        (
            {"sessions": 4, "orders": 1, "revenue": 500, "events": {"Product Shared": 2}},
            ["high-value", "stage-advocacy"],
        ),
    ],
)
def test_a_visitor_is_in_the_documented_segments(
    cookbook: Segments, known: dict[str, Any], segments: list[str]
) -> None:
    assert cookbook.of({"visitor": {**NOBODY, **known}}) == segments


def test_the_cookbook_uses_only_documented_attributes() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "guides" / "profiles.md").read_text()
    for name in set(re.findall(r'"visitor\.(\w+)', PAGE)) - {"segments"}:
        assert f"`{name}`" in documented or f"`{name}." in documented, name
