"""The common part of the methods that Edgewise is compared with."""

from __future__ import annotations

import numpy as np

from tests.quality.protocol import Rewards
from tests.quality.stream import BoolArray, IntArray, Stream


class Peer:
    """A method that learns at once. Each block is decided before its rewards are learned, so nothing is published."""

    def __init__(self, stream: Stream, seed: int) -> None:
        self.stream = stream
        self.random = np.random.default_rng([seed, 5])
        self.has_learned = False

    def publish(self, event: int) -> None:
        pass

    def choose(self, events: IntArray) -> IntArray:
        return self.predict(events) if self.has_learned else self.random.integers(0, self.stream.K, len(events))

    def show(self, events: IntArray, seen: BoolArray) -> None:
        pass

    def learn(self, known: Rewards) -> None:
        if len(known.events):
            self.update(known)
            self.has_learned = True

    def predict(self, events: IntArray) -> IntArray:
        """The actions of these events, by the rewards so far. Not called before the first reward."""
        raise NotImplementedError

    def update(self, known: Rewards) -> None:
        """Learn at least one reward. The default learns nothing."""
