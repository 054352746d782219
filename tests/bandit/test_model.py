"""Models: scoring and learning with Vowpal Wabbit."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import get_args

import pytest
from vowpal_wabbit_next import Workspace

from edgewise.bandit.features import context_line
from edgewise.bandit.model import ActionExamples, LearningModel, ScoringModel
from edgewise.bandit.shape import shape_of
from edgewise.policies.policy import Action, Algorithm, Explore, Features, Policy

POLICY = Policy("hero", (Action("plain"), Action("deal", {"discount": 10})), ("plain",))


def contexts(count: int) -> list[str]:
    return [f"shared |d type={('mobile', 'desktop')[n % 2]} |x n=%n{n % 7}" for n in range(count)]


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_a_restored_model_learns_the_same_bytes(algorithm: Algorithm) -> None:
    shape = shape_of(replace(POLICY, explore=Explore(algorithm)))
    actions = ActionExamples(shape, POLICY.actions)
    whole, stopped = LearningModel(shape), LearningModel(shape)
    for n, context in enumerate(contexts(60)):
        for model in (whole, stopped):
            model.learn(context, actions, range(2), n % 2, cost=-float(n % 3 == 0))
        stopped = LearningModel(shape, stopped.serialize()) if n % 20 == 7 else stopped
    assert whole.serialize() == stopped.serialize()


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_a_model_that_rests_learns_the_same_bytes(algorithm: Algorithm) -> None:
    shape = shape_of(replace(POLICY, explore=Explore(algorithm)))
    whole, resting = LearningModel(shape), LearningModel(shape)
    actions = ActionExamples(shape, POLICY.actions)
    for n, context in enumerate(contexts(60)):
        for model in (whole, resting):
            model.learn(context, actions, range(2), n % 2, cost=-float(n % 3 == 0))
        if n % 7 == 3:
            resting.rest()
            actions = ActionExamples(shape, POLICY.actions)
            assert resting.serialize() == whole.serialize()
    assert whole.serialize() == resting.serialize()


@pytest.mark.parametrize("algorithm", ["auto", "squarecb"])
def test_only_with_a_cross_it_learns_what_two_attributes_mean_together(algorithm: Algorithm) -> None:
    """Visitors whose values are equal like the second action, others the first one. No sum of effects can be so."""
    right = {}
    for crosses in ((), (("data.one", "data.two"),)):
        shape = shape_of(replace(POLICY, explore=Explore(algorithm), features=Features(cross=crosses)))
        actions, model, random = ActionExamples(shape, POLICY.actions), LearningModel(shape), Random(3)
        lines = {
            values: context_line({"data": dict(zip(("one", "two"), values, strict=True))}, crosses=crosses)
            for values in ("aa", "ab", "ba", "bb")
        }
        for _ in range(2000):
            values, chosen = random.choice(list(lines)), random.randrange(2)
            chance = 0.6 if chosen == (values[0] == values[1]) else 0.2
            model.learn(lines[values], actions, range(2), chosen, cost=-float(random.random() < chance))
        scoring = ScoringModel(shape, model.serialize())
        likely = {values: scoring.probabilities(line, actions, range(2))[1] > 0.5 for values, line in lines.items()}
        right[bool(crosses)] = sum(likely[values] == (values[0] == values[1]) for values in lines)
    assert right[True] == 4
    assert right[False] < 4


def test_an_untrained_model_has_the_bytes_of_an_unused_workspace() -> None:
    shape = shape_of(replace(POLICY, explore=Explore("squarecb")))
    ActionExamples(shape, POLICY.actions)
    unused = Workspace([*shape.command, "--quiet", "--preserve_performance_counters"])
    assert LearningModel(shape).serialize() == unused.serialize()


def test_scoring_does_not_change_the_parsed_actions() -> None:
    shape = shape_of(POLICY)
    used, fresh = ActionExamples(shape, POLICY.actions), ActionExamples(shape, POLICY.actions)
    one, other = LearningModel(shape), LearningModel(shape)
    for n, context in enumerate(contexts(30)):
        ScoringModel(shape, one.serialize()).probabilities(context, used, range(2))
        one.learn(context, used, range(2), n % 2, cost=-1.0)
        other.learn(context, fresh, range(2), n % 2, cost=-1.0)
    assert one.serialize() == other.serialize()


def test_an_action_becomes_likely_in_the_contexts_of_its_rewards() -> None:
    shape = shape_of(POLICY)
    actions, learned = ActionExamples(shape, POLICY.actions), LearningModel(shape)
    for n in range(600):
        device, chosen = ("mobile", "desktop")[n % 2], n // 2 % 2
        paid = (device == "mobile") == (chosen == 1)
        learned.learn(f"shared |d type={device}", actions, range(2), chosen, cost=-float(paid))
    model = ScoringModel(shape, learned.serialize())
    assert model.probabilities("shared |d type=mobile", actions, range(2))[1] > 0.9
    assert model.probabilities("shared |d type=desktop", actions, range(2))[0] > 0.9


def test_an_empty_context_is_not_read_as_an_action() -> None:
    shape = shape_of(POLICY)
    actions, learned = ActionExamples(shape, POLICY.actions), LearningModel(shape)
    nothing = context_line({})
    for n in range(200):
        learned.learn(nothing, actions, range(2), n % 2, cost=-float(n % 2))
    probabilities = ScoringModel(shape, learned.serialize()).probabilities(nothing, actions, range(2))
    assert len(probabilities) == 2
    assert probabilities[1] > 0.9
