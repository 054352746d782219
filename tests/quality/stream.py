"""A stream of events for which the right action is known, and its score.

Any object with the fields of `Stream` can be measured. `as_stream` checks it and adds what it lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]


class StreamError(Exception):
    """A stream cannot be measured."""


@dataclass
class Stream:
    """Events with T contexts and K actions.

    - `actions`: an id and features for each action.
    - `contexts`: the attributes of each event, as a decide call brings them.
    - `P`: the expected reward of each action in each event, from 0 to 1. Shape (T, K).
    - `best`: the oracle's action in each event. None means the best one by `P`.
    - `every`: the number of events between two published models.
    - `delay`: the number of events after which a reward is known.
    - `logged`: the action in each row of a log, for a replay. `P` has the reward of the logged action then.
    - `change`: the first event of a change of tastes.
    - `X`: the contexts for linear methods. Shape (T, D). Empty means `design(contexts)`.
    """

    name: str
    actions: Sequence[tuple[str, Mapping[str, Any]]]
    contexts: Sequence[Mapping[str, Any]]
    P: FloatArray
    best: IntArray | None = None
    every: int = 100
    delay: int = 0
    logged: IntArray | None = None
    change: int | None = None
    X: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self) -> None:
        if not self.X.size:
            self.X = design(self.contexts)

    @property
    def T(self) -> int:
        return len(self.contexts)

    @property
    def K(self) -> int:
        return len(self.actions)

    def rewards(self, events: IntArray, actions: IntArray, points: FloatArray) -> FloatArray:
        """The reward of each event. `points` has a random point from 0 to 1 for each event of the stream."""
        expected = self.P[events, actions]
        return expected if self.logged is not None else (points[events] < expected).astype(np.float64)

    def score(self, actions: IntArray, part: slice = slice(None)) -> float:
        """100 * (mean reward - uniform) / (oracle - uniform), over a part of the events. NaN if they are equal.

        Expected rewards count, which have less noise than drawn ones. In a replay, a row counts only if the action
        equals the logged one. There, the mean of all rows is the uniform policy, as the log's actions are random.
        """
        P = self.P[part]
        best = P.argmax(1) if self.best is None else self.best[part]
        if self.logged is None:
            rows = np.arange(len(P))
            uniform, earned, oracle = P.mean(), P[rows, actions[part]].mean(), P[rows, best].mean()
        else:
            logged = self.logged[part]
            paid = P[np.arange(len(P)), logged]
            uniform, earned, oracle = paid.mean(), _mean(paid[actions[part] == logged]), _mean(paid[best == logged])
        return float(100 * (earned - uniform) / (oracle - uniform)) if oracle != uniform else np.nan


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan


def design(contexts: Sequence[Mapping[str, Any]]) -> FloatArray:
    """A constant, one column for each value of a text, and standardized numbers. A missing value is zero."""
    rows = [flatten(context) for context in contexts]
    columns: list[Any] = [np.ones(len(rows))]
    for name in sorted(set().union(*rows[:200])):
        values = [row.get(name, 0) for row in rows]
        if isinstance(values[0], str):
            texts = np.array(values, dtype=object)
            columns.extend((texts == text).astype(float) for text in sorted(set(values)))
        else:
            numbers = np.array(values, float)
            if (deviation := numbers.std()) > 1e-12:
                columns.append((numbers - numbers.mean()) / deviation)
    return np.stack(columns, axis=1)


def flatten(context: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a context by `namespace.name`."""
    return {f"{space}.{name}": value for space, tree in context.items() for name, value in tree.items()}


def as_stream(given: Any, name: str) -> Stream:
    """A stream with this name from any object with the same fields.

    Raises:
        StreamError: a field is missing or invalid.
    """
    missing = [one for one in ("actions", "contexts", "P") if not hasattr(given, one)]
    if missing:
        raise StreamError(f"{name}: The stream has no `{missing[0]}`. Return an object with the fields of `Stream`.")
    optional = {
        one: getattr(given, one)
        for one in ("best", "every", "delay", "logged", "change", "X")
        if getattr(given, one, None) is not None
    }
    stream = Stream(name, given.actions, given.contexts, np.asarray(given.P, float), **optional)
    _check(stream)
    return stream


def _check(stream: Stream) -> None:
    shape = (stream.T, stream.K)
    if stream.P.shape != shape:
        raise StreamError(f"{stream.name}: Expected `P` of the shape {shape}, found {stream.P.shape}.")
    if not ((stream.P >= 0) & (stream.P <= 1)).all():
        raise StreamError(f"{stream.name}: Expected values from 0 to 1 in `P`. Scale the rewards.")
    if len(stream.X) != stream.T:
        raise StreamError(f"{stream.name}: Expected {stream.T} rows in `X`, found {len(stream.X)}.")
    if stream.every < 1 or stream.delay < 0:
        found = f"every {stream.every} and delay {stream.delay}"
        raise StreamError(f"{stream.name}: Expected `every` of at least 1 and `delay` of at least 0, found {found}.")
