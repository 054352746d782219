from __future__ import annotations

import re
from pathlib import Path

from edgewise.bandit import features
from edgewise.visitors.attribute_table import ATTRIBUTES, FULL_PROFILE_ONLY, ON_DEMAND
from edgewise.visitors.attributes import make_attributes
from edgewise.visitors.identity import read_partial_profile
from edgewise.visitors.needed_attributes import NeededAttributes
from tests.visitors.activities import NOW, make_activity, make_product, make_profile
from tests.visitors.test_profile import fullest

DOCUMENT = Path(__file__).parents[2] / "docs" / "guides" / "profiles.md"
NAMES = {one.name for one in ATTRIBUTES}


def made() -> set[str]:
    """The attributes of a visitor who did everything."""
    with_cart = make_profile(make_activity("Product Added", products=(make_product("a"),)))
    return set(make_attributes(fullest(), NOW)) | set(make_attributes(with_cart, NOW))


def test_table_has_every_attribute_once() -> None:
    assert len(ATTRIBUTES) == len(NAMES)
    assert made() == NAMES


def test_attributes_on_demand_are_not_features() -> None:
    assert [one.name for one in ATTRIBUTES if one.is_feature and one.on_demand] == []


def test_attributes_that_are_not_on_demand_are_always_made() -> None:
    profile = fullest()
    assert set(make_attributes(profile, NOW, needed=NeededAttributes(()))) >= NAMES - ON_DEMAND


def test_attributes_of_the_full_profile_are_missing_or_empty_in_a_partial_one() -> None:
    partial = make_attributes(read_partial_profile(fullest().encode()), NOW)
    assert {name for name in made() if not partial.get(name)} >= FULL_PROFILE_ONLY


def test_the_model_has_exactly_the_features_and_the_segments() -> None:
    assert set(features._OF_VISITORS) == {one.name for one in ATTRIBUTES if one.is_feature} | {"segments"}


def test_documentation_lists_every_attribute() -> None:
    section = DOCUMENT.read_text().split("## Attributes\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\|([^|]*`[^|]*)\|", section, re.MULTILINE)
    documented = {name for cell in cells for name in re.findall(r"`([A-Za-z]+)[^`]*`", cell)}
    assert documented - {"segments"} == NAMES
