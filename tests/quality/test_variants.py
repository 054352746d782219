"""Measurements of variants begin where the product is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.evaluate.replay import rehearse
from edgewise.evaluate.report import report_on
from edgewise.evaluate.traffic import Traffic
from edgewise.policies.policy import Explore
from tests.evaluate.logs import HERO, planted
from tests.quality.variants import Variant, measure

TRAFFIC: Traffic = planted(600, policy=replace(HERO, explore=Explore("softmax", 0.1)))

EVEN = Variant(Explore(floor=0.5))


def test_a_variant_that_changes_nothing_is_the_product() -> None:
    ordered = TRAFFIC.shuffled(3)
    product = report_on(ordered, rehearse(ordered, 3, lambda: None), 3)
    assert measure(TRAFFIC, Variant(Explore("softmax", 0.1)), 3) == product.difference


@pytest.mark.parametrize("variant", [EVEN._replace(least=0), EVEN._replace(options=[("-l", "0.9")]), Variant()])
def test_a_variant_learns_otherwise(variant: Variant) -> None:
    assert measure(TRAFFIC, variant, 3) != measure(TRAFFIC, EVEN, 3)


def test_an_option_that_the_command_line_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="--lambda"):
        measure(TRAFFIC, Variant(options=[("--lambda", "1")]), 3)
