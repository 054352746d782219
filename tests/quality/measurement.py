"""One measurement: a stream of one seed, decided by one method."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tests.quality.catalog import make_method
from tests.quality.protocol import decide_stream
from tests.quality.stream import IntArray, Stream

WINDOW = 1000
"""The number of events in a window of a stream with a change."""

RECOVERY = 5000
"""The number of events after a change in which a method should recover."""


class Drift(NamedTuple):
    """The score by windows, and the scores of the windows that end at the change and `RECOVERY` events after it."""

    windows: list[float]
    before: float
    after: float


class Measurement(NamedTuple):
    """The score of one method in one stream of one seed. `drift` is None for a stream without a change."""

    stream: str
    method: str
    seed: int
    score: float
    drift: Drift | None = None

    def as_json(self) -> dict[str, Any]:
        """A row of the JSON file. A score that does not exist is null."""
        row = {"stream": self.stream, "method": self.method, "seed": self.seed, "score": _number(self.score)}
        if self.drift is not None:
            windows, before, after = self.drift
            row |= {"windows": [_number(score) for score in windows], "before": _number(before)}
            row |= {"after": _number(after), "recovered": _number(after / before if before else math.nan)}
        return row


def measure(stream: Stream, method: str, seed: int) -> Measurement:
    actions = decide_stream(stream, make_method(method, stream, seed), seed)
    return Measurement(stream.name, method, seed, stream.score(actions), _drift(stream, actions))


def _drift(stream: Stream, actions: IntArray) -> Drift | None:
    if stream.change is None:
        return None

    def window(end: int) -> float:
        is_inside = WINDOW <= end <= stream.T
        return stream.score(actions, slice(end - WINDOW, end)) if is_inside else math.nan

    windows = [window(end) for end in range(WINDOW, stream.T + 1, WINDOW)]
    return Drift(windows, window(stream.change), window(stream.change + RECOVERY))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
