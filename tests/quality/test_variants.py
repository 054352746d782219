"""Measurements of variants start from the product's behaviour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.evaluation.replay import replay_in_process
from edgewise.evaluation.replay_report import make_report
from edgewise.evaluation.replayed_policy import ReplayedPolicy
from edgewise.policies.policy import Explore
from tests.evaluation.logs import HERO, planted
from tests.quality.variants import Variant, measure, replayed_policy

EXPLORE = Explore("softmax", 0.1)
POLICY = replace(HERO, explore=EXPLORE)
PRODUCT = Variant(EXPLORE)
TRAFFIC = planted(600, policy=POLICY)


def learned(replayed: ReplayedPolicy) -> bytes:
    """The model after the whole traffic."""
    for row in TRAFFIC.rows:
        replayed.decide(row)
    return replayed.fold.serialize()


def test_a_variant_without_changes_equals_the_product() -> None:
    assert learned(replayed_policy(POLICY, PRODUCT, 3)) == learned(ReplayedPolicy(POLICY, 3))
    ordered = TRAFFIC.shuffled(3)
    product = make_report(ordered, replay_in_process(ordered, 3, lambda: None), 3)
    assert measure(TRAFFIC, PRODUCT, 3) == product.difference


@pytest.mark.parametrize(
    "variant",
    [PRODUCT._replace(least=0), PRODUCT._replace(options=[("-l", "0.9")]), Variant(Explore("regcb", 0.1))],
)
def test_a_variant_learns_another_model(variant: Variant) -> None:
    assert learned(replayed_policy(POLICY, variant, 3)) != learned(ReplayedPolicy(POLICY, 3))


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(ValueError, match="--gamma_scale"):
        replayed_policy(POLICY, PRODUCT._replace(options=[("--gamma_scale", "1")]), 3)
