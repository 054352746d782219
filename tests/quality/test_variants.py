"""Measurements of variants begin where the product is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.evaluate.rehearsal import Rehearsal
from edgewise.evaluate.replay import rehearse
from edgewise.evaluate.replay_report import report_on
from edgewise.policies.policy import Explore
from tests.evaluate.logs import HERO, planted
from tests.quality.variants import Variant, measure, rehearsal_of

EXPLORE = Explore("softmax", 0.1)
POLICY = replace(HERO, explore=EXPLORE)
PRODUCT = Variant(EXPLORE)
TRAFFIC = planted(600, policy=POLICY)


def learned(rehearsal: Rehearsal) -> bytes:
    """The model at the end of the traffic."""
    for row in TRAFFIC.rows:
        rehearsal.serve(row)
    return rehearsal.fold.serialize()


def test_a_variant_that_changes_nothing_is_the_product() -> None:
    assert learned(rehearsal_of(POLICY, PRODUCT, 3)) == learned(Rehearsal(POLICY, 3))
    ordered = TRAFFIC.shuffled(3)
    product = report_on(ordered, rehearse(ordered, 3, lambda: None), 3)
    assert measure(TRAFFIC, PRODUCT, 3) == product.difference


@pytest.mark.parametrize(
    "variant",
    [PRODUCT._replace(least=0), PRODUCT._replace(options=[("-l", "0.9")]), Variant(Explore("regcb", 0.1))],
)
def test_a_variant_learns_otherwise(variant: Variant) -> None:
    assert learned(rehearsal_of(POLICY, variant, 3)) != learned(Rehearsal(POLICY, 3))


def test_an_option_that_the_command_line_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="--gamma_scale"):
        rehearsal_of(POLICY, PRODUCT._replace(options=[("--gamma_scale", "1")]), 3)
