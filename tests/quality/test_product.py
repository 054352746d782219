"""The product decides and learns a stream by the rules of the protocol."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.errors import PolicyError
from edgewise.policies.policy import Explore
from tests.quality.easy_streams import easy, logged
from tests.quality.product import Product, new_policy
from tests.quality.protocol import decide_stream
from tests.quality.stream import IntArray


def test_a_new_policy_has_the_defaults_of_a_policy_file() -> None:
    policy = new_policy([("a", {"tone": "warm", "price": 9.5}), ("b", {})], 60_000, {})
    assert policy.explore == Explore()
    assert policy.actions[0].features == {"tone": "warm", "price": 9.5}
    assert policy.reward.window == 60_000


def test_options_change_the_exploration() -> None:
    explore = new_policy([("a", {}), ("b", {})], 1, {"algorithm": "epsilon", "floor": "0.1"}).explore
    assert explore == Explore("epsilon", 0.1)
    with pytest.raises(PolicyError, match="algorithm"):
        new_policy([("a", {}), ("b", {})], 1, {"algorithm": "guess"})


@pytest.mark.parametrize("delay", [0, 1, 120])
def test_a_published_model_has_learned_the_events_whose_delay_is_over(delay: int) -> None:
    stream = easy(0, 210, delay=delay)
    product = Product(stream, 0)
    actions = decide_stream(stream, product, 0)
    statistics = product.fold.statistics
    learned = 200 - delay
    assert (statistics.decisions, statistics.learned, statistics.closed) == (200, learned, 0)
    earned = stream.P[np.arange(learned), actions[:learned]]
    assert statistics.policy.mean == pytest.approx(earned.mean())


def test_a_row_that_was_not_shown_teaches_nothing() -> None:
    stream = logged(0, 210)
    product = Product(stream, 0)
    actions = decide_stream(stream, product, 0)
    assert product.fold.statistics.learned == (actions == stream.logged)[:200].sum()


def test_the_first_model_comes_after_the_first_reward() -> None:
    versions = []

    class Watched(Product):
        def choose(self, events: IntArray) -> IntArray:
            versions.append(self.model_version)
            return super().choose(events)

    stream = easy(0, 210, delay=60)
    decide_stream(stream, Watched(stream, 0), 0)
    assert versions == [0, 0, 1, 2, 3]


def test_it_finds_the_right_actions() -> None:
    stream = easy(0)
    assert stream.score(decide_stream(stream, Product(stream, 0), 0)) > 60


def test_equal_seeds_give_equal_choices() -> None:
    stream = easy(0, 200)
    first, again, other = (decide_stream(stream, Product(stream, seed), 0).tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other
