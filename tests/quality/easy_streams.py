"""Small streams for tests of the harness."""

from __future__ import annotations

import numpy as np

from tests.quality.stream import Stream


def easy(seed: int, T: int = 600, *, every: int = 50, delay: int = 0, change: int | None = None) -> Stream:
    """Three actions. The right one shows in the visitor's source and always pays."""
    sources = np.random.default_rng(seed).integers(0, 3, T)
    contexts = [{"visitor": {"source": f"source{source}"}} for source in sources]
    right = sources.copy()
    if change is not None:
        right[change:] = (right[change:] + 1) % 3
    actions = [(f"action{number}", {"size": number}) for number in range(3)]
    return Stream("easy", actions, contexts, np.eye(3)[right], every=every, delay=delay, change=change)


def logged(seed: int, T: int = 600) -> Stream:
    """The same events as the log of a random policy."""
    stream = easy(seed, T)
    stream.logged = np.random.default_rng([seed, 1]).integers(0, 3, T)
    stream.best = stream.P.argmax(1)
    paid = stream.P[np.arange(T), stream.logged]
    stream.P = np.repeat(paid[:, None], 3, axis=1)
    return stream
