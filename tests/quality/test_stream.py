"""Streams, their scores and their designs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.quality.easy_streams import easy, logged
from tests.quality.stream import Stream, StreamError, as_stream, design

CONTEXTS = [{"data": {"size": 1.0, "colour": "red"}}, {"data": {"size": 3.0, "colour": "blue"}}]


def small(**fields: Any) -> Stream:
    P = np.array([[0.2, 0.6], [0.4, 0.2]])
    return Stream("small", [("a", {}), ("b", {})], CONTEXTS, P, **fields)


def test_the_best_actions_score_100() -> None:
    assert small().score(np.array([1, 0])) == pytest.approx(100)


def test_the_worst_actions_score_as_far_below_the_uniform_policy() -> None:
    assert small().score(np.array([0, 1])) == pytest.approx(-100)


def test_an_oracle_of_the_stream_replaces_the_best_expected_reward() -> None:
    stream = small(best=np.array([1, 1]))
    assert stream.score(np.array([1, 1])) == pytest.approx(100)
    assert stream.score(np.array([1, 0])) == pytest.approx(300)


def test_a_stream_whose_oracle_earns_no_more_than_the_uniform_policy_has_no_score() -> None:
    stream = small()
    stream.P = np.full((2, 2), 0.5)
    assert np.isnan(stream.score(np.array([0, 0])))


def test_random_actions_score_about_zero() -> None:
    stream = easy(0, 5000)
    assert abs(stream.score(np.random.default_rng(9).integers(0, 3, 5000))) < 5


def test_a_score_of_a_part_uses_no_other_events() -> None:
    stream = easy(0, 100)
    actions = stream.P.argmax(1)
    actions[:50] = (actions[:50] + 1) % 3
    assert stream.score(actions, slice(50, 100)) == 100
    assert stream.score(actions, slice(0, 50)) == pytest.approx(-50, abs=30)


def test_a_replay_counts_only_rows_with_the_logged_action() -> None:
    stream = logged(0)
    assert stream.logged is not None
    assert stream.best is not None
    assert stream.score(stream.logged) == pytest.approx(0)
    assert stream.score(stream.best) == pytest.approx(100)
    assert np.isnan(stream.score((stream.logged + 1) % 3))


def test_a_drawn_reward_is_one_with_the_expected_probability() -> None:
    stream = easy(0, 2000)
    stream.P = np.full((2000, 3), 0.3)
    events = np.arange(2000)
    rewards = stream.rewards(events, np.zeros(2000, int), np.random.default_rng(0).random(2000))
    assert set(rewards.tolist()) == {0.0, 1.0}
    assert rewards.mean() == pytest.approx(0.3, abs=0.03)


def test_a_design_has_a_constant_a_column_for_each_text_and_standardized_numbers() -> None:
    np.testing.assert_allclose(design(CONTEXTS), [[1, 0, 1, -1], [1, 1, 0, 1]])


def test_any_object_with_the_fields_of_a_stream_is_a_stream() -> None:
    given = SimpleNamespace(actions=[("a", {}), ("b", {})], contexts=CONTEXTS, P=[[0, 1], [1, 0]], every=1, best=None)
    stream = as_stream(given, "given")
    assert (stream.name, stream.T, stream.K, stream.every, stream.delay) == ("given", 2, 2, 1, 0)
    assert stream.X.shape == (2, 4)
    assert as_stream(SimpleNamespace(**vars(given), X=np.ones((2, 1))), "given").X.shape == (2, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"P": [[0, 1]]}, "shape"),
        ({"P": [[0, 1], [2, 0]]}, "from 0 to 1"),
        ({"X": np.ones((3, 1))}, "Expected 2 rows"),
        ({"every": 0}, "at least 1"),
        ({"delay": -1}, "at least 0"),
    ],
)
def test_an_invalid_field_is_an_error(wrong: dict[str, Any], message: str) -> None:
    fields = {"actions": [("a", {}), ("b", {})], "contexts": CONTEXTS, "P": [[0, 1], [1, 0]]} | wrong
    with pytest.raises(StreamError, match=message):
        as_stream(SimpleNamespace(**fields), "given")


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(StreamError, match="no `contexts`"):
        as_stream(SimpleNamespace(actions=[], P=[]), "given")
