"""Every other method learns an easy stream, and the ends of the scale are where they should be."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quality.easy_streams import easy, logged
from tests.quality.peers import LIBRARIES, MARKS, PEERS
from tests.quality.protocol import decide_stream
from tests.quality.stream import Stream


def score(name: str, stream: Stream) -> float:
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name], reason=f"{LIBRARIES[name]} is missing. `make quality` installs it.")
    return stream.score(decide_stream(stream, {**PEERS, **MARKS}[name](stream, 0), 0))


@pytest.mark.parametrize("name", sorted(PEERS.keys() - {"thompson", "azure"}))
def test_a_peer_with_contexts_finds_the_right_actions(name: str) -> None:
    assert score(name, easy(0)) > 50


@pytest.mark.parametrize("name", sorted(PEERS))
def test_a_peer_learns_from_a_replay_and_from_single_events(name: str) -> None:
    stream = logged(0, 150)
    stream.every = 1
    assert np.isfinite(score(name, stream))


def test_azure_learns_slowly() -> None:
    assert 5 < score("azure", easy(0, 2000)) < 60


def test_thompson_sampling_finds_the_best_single_action() -> None:
    stream = easy(0)
    stream.P = np.tile([0.1, 0.8, 0.1], (stream.T, 1))
    assert score("thompson", stream) > 80


def test_the_ends_of_the_scale() -> None:
    stream = easy(0, 3000)
    assert score("oracle", stream) == 100
    assert abs(score("uniform", stream)) < 6
    assert score("best-single", stream) == pytest.approx(stream.score(np.full(3000, stream.P.mean(0).argmax())))


def test_the_best_single_action_of_a_replay_has_the_best_logged_reward() -> None:
    stream = logged(0)
    stream.P[stream.logged == 2] = 1
    chosen = decide_stream(stream, MARKS["best-single"](stream, 0), 0)
    assert set(chosen.tolist()) == {2}
