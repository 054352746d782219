"""The shape of a model: edits that keep it, and edits that need a new model."""

from __future__ import annotations

from dataclasses import replace

from edgewise.bandit.shape import shape_of
from edgewise.policies.policy import Action, Explore, Features, Policy, Reward

POLICY = Policy("hero", (Action("plain"), Action("deal", {"discount": 10})), ("plain",))


def test_edits_of_actions_and_rewards_keep_the_shape() -> None:
    shape = shape_of(POLICY)
    assert shape_of(replace(POLICY, actions=(Action("other"),), baseline=("other",))) == shape
    assert shape_of(replace(POLICY, reward=Reward(window=1, default=0.5))) == shape
    assert shape_of(replace(POLICY, explore=Explore(floor=0.5, mode="frozen"), control_share=0.5)) == shape


def test_edits_of_algorithm_features_and_slots_change_the_shape() -> None:
    shape = shape_of(POLICY)
    assert shape_of(replace(POLICY, explore=Explore("epsilon"))).digest != shape.digest
    assert shape_of(replace(POLICY, features=Features(("device",)))).digest != shape.digest
    assert shape_of(replace(POLICY, slots=2)).digest != shape.digest


def test_crossed_attributes_need_a_new_model_only_of_vowpal_wabbit() -> None:
    crossed = Features(cross=(("device.type", "visitor.source"),))
    assert shape_of(replace(POLICY, features=crossed)) == shape_of(POLICY)
    squarecb = replace(POLICY, explore=Explore("squarecb"))
    assert shape_of(replace(squarecb, features=crossed)).digest != shape_of(squarecb).digest
