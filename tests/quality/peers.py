"""What one would install instead of Edgewise, and methods that only mark the ends of the scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tests.quality.peer import Peer
from tests.quality.protocol import Method, Rewards
from tests.quality.stream import IntArray, Stream
from tests.quality.vowpal import VOWPAL_ARGUMENTS, VowpalPeer


class Uniform(Peer):
    """Every action with the same probability, always."""

    def choose(self, events: IntArray) -> IntArray:
        return self.random.integers(0, self.stream.K, len(events))


class Fixed(Peer):
    """The same actions whatever happens."""

    def __init__(self, stream: Stream, seed: int, actions: IntArray) -> None:
        super().__init__(stream, seed)
        self._actions = actions

    def choose(self, events: IntArray) -> IntArray:
        return self._actions[events]


class Thompson(Peer):
    """A Beta-Bernoulli sampler without contexts, as A/B testing tools have it."""

    def __init__(self, stream: Stream, seed: int) -> None:
        super().__init__(stream, seed)
        self._successes = np.ones(stream.K)
        self._failures = np.ones(stream.K)

    def predict(self, events: IntArray) -> IntArray:
        drawn = self.random.beta(self._successes, self._failures, (len(events), self.stream.K))
        return np.asarray(drawn.argmax(1))

    def update(self, known: Rewards) -> None:
        np.add.at(self._successes, known.actions, known.rewards)
        np.add.at(self._failures, known.actions, 1 - known.rewards)


class Linear(Peer):
    """A linear policy of `mabwiser`, with one ridge regression for each action."""

    def __init__(self, stream: Stream, seed: int, policy: Any) -> None:
        from mabwiser.mab import MAB

        super().__init__(stream, seed)
        self._bandit = MAB(list(range(stream.K)), policy, seed=seed)

    def predict(self, events: IntArray) -> IntArray:
        # For one context, `predict` returns one action instead of a list.
        return np.atleast_1d(np.asarray(self._bandit.predict(self.stream.X[events]), np.int64))

    def update(self, known: Rewards) -> None:
        self._bandit.partial_fit(known.actions, known.rewards, self.stream.X[known.events])


def _linear(name: str, **parameters: float) -> MakeMethod:
    def make(stream: Stream, seed: int) -> Method:
        from mabwiser.mab import LearningPolicy

        return Linear(stream, seed, getattr(LearningPolicy, name)(**parameters))

    return make


def _vowpal(arguments: str) -> MakeMethod:
    return lambda stream, seed: VowpalPeer(stream, seed, arguments)


def best_single(stream: Stream, seed: int) -> Method:
    """The one action that earns most in the whole stream."""
    if stream.logged is None:
        earned = stream.P.mean(0)
    else:
        earned = np.array([stream.P[stream.logged == action, action].mean() for action in range(stream.K)])
    return Fixed(stream, seed, np.full(stream.T, earned.argmax()))


def oracle(stream: Stream, seed: int) -> Method:
    """The best action of each event."""
    return Fixed(stream, seed, stream.P.argmax(1) if stream.best is None else stream.best)


MakeMethod: TypeAlias = Callable[[Stream, int], Method]

PEERS: dict[str, MakeMethod] = {
    "thompson": Thompson,
    "linucb-0.1": _linear("LinUCB", alpha=0.1),
    "linucb-1": _linear("LinUCB", alpha=1.0),
    "lints": _linear("LinTS", alpha=1.0),
    "ridge-greedy": _linear("LinGreedy", epsilon=0.05),
    **{name: _vowpal(arguments) for name, arguments in VOWPAL_ARGUMENTS.items()},
}
"""The methods that need no hindsight."""

MARKS: dict[str, MakeMethod] = {"best-single": best_single, "uniform": Uniform, "oracle": oracle}
"""Methods that are no peers. The first and the last one need hindsight, and `uniform` is 0 by definition."""

LIBRARIES = dict.fromkeys(("linucb-0.1", "linucb-1", "lints", "ridge-greedy"), "mabwiser")
"""The library that a method needs and that `make setup` does not install."""
