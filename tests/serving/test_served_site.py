"""Served placements and sites, without a store."""

from __future__ import annotations

from dataclasses import replace

from edgewise.bandit.model import ScoringModel
from edgewise.policies.compiled_policy import encode_policy
from edgewise.policies.policy import Explore
from edgewise.serving.served_site import IN_USE_WITHIN, ServedPlacement, ServedSite
from edgewise.sites import Site
from tests.learner.published_policy import POLICY, REF


def loaded_placement() -> ServedPlacement:
    placement = ServedPlacement(REF, encode_policy(POLICY))
    placement.model = ScoringModel(placement.shape)
    placement.last_requested_at = 5.0
    return placement


def test_an_edited_placement_keeps_a_model_of_the_same_shape() -> None:
    placement = loaded_placement()
    edited = placement.with_version(encode_policy(replace(POLICY, control_share=0.5)))
    assert edited.policy.control_share == 0.5
    assert (edited.model, edited.last_requested_at) == (placement.model, 5.0)
    assert placement.policy == POLICY


def test_a_placement_is_asked_once_until_a_second_call_within_a_minute_before_or_after_it() -> None:
    placement = ServedPlacement(REF, encode_policy(POLICY))
    assert not placement.is_asked_once
    placement.wake(100.0)
    assert placement.is_asked_once
    placement.last_requested_at = 101.0
    assert not placement.is_asked_once
    placement.wake(101.0 + IN_USE_WITHIN)
    assert not placement.is_asked_once
    placement.wake(102.0 + 2 * IN_USE_WITHIN)
    assert placement.is_asked_once


def test_an_edited_placement_drops_a_model_of_another_shape() -> None:
    edited = loaded_placement().with_version(encode_policy(replace(POLICY, explore=Explore("epsilon"))))
    assert (edited.model, edited.model_version) == (None, 0)


def test_a_site_bounds_the_names_of_sensitive_traits() -> None:
    site = ServedSite(Site("shop", "key", (), ("hero",), sensitive=("gender", "x" * 1000)), {})
    assert "gender" in site.sensitive
    assert max(map(len, site.sensitive)) < 1000
