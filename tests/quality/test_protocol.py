"""The rules under which methods decide: publication, delay, and replay."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quality.easy_streams import easy, logged
from tests.quality.peers import oracle
from tests.quality.protocol import Rewards, decide_stream
from tests.quality.stream import BoolArray, IntArray, Stream


class Recorder:
    """Shows the first action, and records what it knew whenever it published a model."""

    def __init__(self) -> None:
        self.known: dict[int, float] = {}
        self.known_at: dict[int, list[int]] = {}
        self.decided: list[int] = []
        self.seen: list[bool] = []

    def publish(self, event: int) -> None:
        assert len(self.decided) == event
        self.known_at[event] = sorted(self.known)

    def choose(self, events: IntArray) -> IntArray:
        self.decided += events.tolist()
        return np.zeros(len(events), int)

    def show(self, events: IntArray, seen: BoolArray) -> None:
        self.seen += seen.tolist()

    def learn(self, known: Rewards) -> None:
        self.known |= dict(zip(known.events.tolist(), known.rewards.tolist(), strict=True))


def recorded(stream: Stream, seed: int = 0) -> Recorder:
    recorder = Recorder()
    decide_stream(stream, recorder, seed)
    return recorder


@pytest.mark.parametrize("delay", [0, 1, 7, 50, 120])
def test_a_published_model_has_learned_exactly_the_events_whose_delay_is_over(delay: int) -> None:
    recorder = recorded(easy(0, 210, every=50, delay=delay))
    assert recorder.decided == list(range(210))
    assert recorder.known_at == {event: list(range(max(0, event - delay))) for event in (50, 100, 150, 200)}


def test_a_replay_teaches_only_rows_with_the_logged_action() -> None:
    stream = logged(0)
    assert stream.logged is not None
    recorder = recorded(stream)
    matching = np.flatnonzero(stream.logged == 0).tolist()
    assert sorted(recorder.known) == matching
    assert recorder.seen == (stream.logged == 0).tolist()
    assert recorder.known == {row: stream.P[row, 0] for row in matching}


def test_equal_choices_get_equal_rewards_in_every_run() -> None:
    stream = easy(0)
    stream.P = np.full((stream.T, 3), 0.5)
    assert recorded(stream).known == recorded(stream).known
    assert recorded(stream, seed=1).known != recorded(stream).known


def test_a_perfect_method_scores_100() -> None:
    stream = easy(0)
    assert stream.score(decide_stream(stream, oracle(stream, 0), 0)) == 100
