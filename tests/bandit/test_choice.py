"""Choices: a propensity is the probability with which the action is chosen."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

import pytest
from scipy.stats import chisquare

from edgewise.bandit.choice import Sampler, choose
from edgewise.bandit.model import ActionExamples, LearningModel, ScoringModel
from edgewise.bandit.shape import Shape, shape_of
from edgewise.policies.policy import Action, Algorithm, Explore, Policy

ACTIONS = tuple(Action(f"action {n}", {"size": n}) for n in range(6))
CONTEXT = "shared |d type=mobile"
FLOOR = 0.06


def shape(algorithm: Algorithm = "squarecb", slots: int = 1) -> Shape:
    return shape_of(Policy("hero", ACTIONS, ("action 0",), slots=slots, explore=Explore(algorithm)))


def trained(algorithm: Algorithm, actions: ActionExamples, slots: int = 1) -> ScoringModel:
    """A model that learned that action 3 has the highest reward."""
    model, random = LearningModel(shape(algorithm, slots)), Random(7)
    for _ in range(400):
        chosen = random.randrange(len(ACTIONS))
        paid = random.random() < (0.6 if chosen == 3 else 0.3)
        model.learn(CONTEXT, actions, range(len(ACTIONS)), chosen, cost=-float(paid))
    return ScoringModel(shape(algorithm, slots), model.serialize())


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_actions_are_chosen_in_the_shares_of_their_propensities(algorithm: Algorithm) -> None:
    actions, random = ActionExamples(shape(algorithm), ACTIONS), Random(1)
    sampler, eligible = Sampler(trained(algorithm, actions), actions, 1, FLOOR), (0, 2, 3, 5)
    shown: Counter[int] = Counter()
    propensities: tuple[float, ...] = ()
    for _ in range(6000):
        (slot,) = choose(sampler, CONTEXT, eligible, 1, random.randbytes(12))
        shown[slot.chosen] += 1
        propensities = tuple(slot.propensities)
    assert set(shown) <= set(eligible)
    assert sum(propensities) == pytest.approx(1.0, abs=1e-9)
    assert min(propensities) >= FLOOR / len(eligible) - 1e-9
    expected = [6000 * propensity for propensity in propensities]
    assert chisquare([shown[action] for action in eligible], expected).pvalue > 0.001


def test_each_slot_of_a_row_has_its_own_propensities_and_action() -> None:
    actions, random = ActionExamples(shape(slots=3), ACTIONS), Random(2)
    sampler = Sampler(trained("squarecb", actions, slots=3), actions, 3, FLOOR)
    second: Counter[int] = Counter()
    expected: Counter[int] = Counter()
    for _ in range(4000):
        row = choose(sampler, CONTEXT, (0, 2, 3), 3, random.randbytes(12))
        assert sorted(slot.chosen for slot in row) == [0, 2, 3]
        assert [len(slot.propensities) for slot in row] == [3, 2, 1]
        second[row[1].chosen] += 1
        left = [action for action in (0, 2, 3) if action != row[0].chosen]
        for action, propensity in zip(left, row[1].propensities, strict=True):
            expected[action] += propensity  # type: ignore[assignment]  # a Counter of floats
    assert chisquare([second[n] for n in (0, 2, 3)], [expected[n] for n in (0, 2, 3)]).pvalue > 0.001


def test_the_same_key_draws_the_same_action() -> None:
    actions = ActionExamples(shape(), ACTIONS)
    sampler = Sampler(trained("squarecb", actions), actions, 1, 0.5)
    key = Random(3).randbytes(12)
    drawn = {choose(sampler, CONTEXT, range(6), 1, key)[0].chosen for _ in range(20)}
    assert len(drawn) == 1


def test_without_a_model_all_actions_are_equally_likely() -> None:
    actions = ActionExamples(shape(), ACTIONS)
    (slot,) = choose(Sampler(None, actions, 1, FLOOR), CONTEXT, (1, 4), 1, b"k" * 12)
    assert list(slot.propensities) == [0.5, 0.5]


def test_a_row_has_at_most_one_slot_for_each_action() -> None:
    actions = ActionExamples(shape(slots=4), ACTIONS)
    assert len(choose(Sampler(None, actions, 4, FLOOR), CONTEXT, (1, 4), 4, b"k" * 12)) == 2
