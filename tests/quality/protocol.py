"""The rules under which every method decides a stream.

- A method decides by the model that it published at the last multiple of `every` events.
- Before its first model it draws uniformly.
- The reward of an event is known `delay` events later. The next published model has learned it.
- A replay teaches only the rows whose logged action is the method's choice.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from tests.quality.stream import BoolArray, FloatArray, IntArray, Stream


class Rewards(NamedTuple):
    """The events whose rewards became known, with the chosen actions and the rewards from 0 to 1."""

    events: IntArray
    actions: IntArray
    rewards: FloatArray


class Method(Protocol):
    """A way to decide one stream. The methods are called in this order for each block of `every` events."""

    def publish(self, event: int) -> None:
        """Decide from this event on by everything that was learned. Not called for the first block."""

    def choose(self, events: IntArray) -> IntArray:
        """The position of the action of each event, by the published model."""

    def show(self, events: IntArray, seen: BoolArray) -> None:
        """Note which of the decided events happened. In a replay, others were not shown."""

    def learn(self, known: Rewards) -> None:
        """Learn the rewards that became known during the block."""


def decide_stream(stream: Stream, method: Method, seed: int) -> IntArray:
    """The chosen action of each event. Equal seeds give equal rewards for equal choices, whatever the method."""
    points = np.random.default_rng([seed, 4]).random(stream.T)
    actions = np.zeros(stream.T, np.int64)
    seen = np.ones(stream.T, bool)
    for start in range(0, stream.T, stream.every):
        events = np.arange(start, min(start + stream.every, stream.T))
        if start:
            method.publish(start)
        actions[events] = method.choose(events)
        if stream.logged is not None:
            seen[events] = actions[events] == stream.logged[events]
        method.show(events, seen[events])
        due = events - stream.delay
        due = due[due >= 0]
        due = due[seen[due]]
        method.learn(Rewards(due, actions[due], stream.rewards(due, actions[due], points)))
    return actions
