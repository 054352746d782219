"""Vowpal Wabbit as its documentation describes it: true propensities in the labels, standardized numbers, texts.

The features are written here and not by Edgewise, so a change of Edgewise's features does not change its peers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from vowpal_wabbit_next import TextFormatParser, Workspace

from tests.quality.peer import Peer
from tests.quality.protocol import Rewards
from tests.quality.stream import IntArray, Stream, flatten

VOWPAL_ARGUMENTS = {
    "azure": "--cb_explore_adf --epsilon 0.2 --power_t 0 -l 0.001 --cb_type mtr -q ::",
    "vw-squarecb": "--cb_explore_adf --squarecb --cb_type mtr -q ca",
    "vw-regcbopt": "--cb_explore_adf --regcbopt --cb_type mtr -q ca --cb_min_cost -1 --cb_max_cost 0",
}
"""Azure Personalizer's documented arguments, and two algorithms with their defaults."""


class VowpalPeer(Peer):
    """Vowpal Wabbit with these arguments."""

    def __init__(self, stream: Stream, seed: int, arguments: str) -> None:
        super().__init__(stream, seed)
        workspace = Workspace([*arguments.split(), "--quiet"])
        self._parser = TextFormatParser(workspace)
        # The library's own `predict` checks the label of each action in Python, which takes half of the time.
        self._predict = workspace._workspace.predict_multi_ex_one
        self._learn = workspace._workspace.learn_multi_ex_one
        features = _lines([features for _, features in stream.actions])
        self._actions = [f"|a id={quote(id)} {line}" for (id, _), line in zip(stream.actions, features, strict=True)]
        self._examples = [self._parsed(line) for line in self._actions]
        self._contexts = [f"shared |c {line}" for line in _lines([flatten(context) for context in stream.contexts])]
        self._propensities = np.full(stream.T, 1 / stream.K)

    def predict(self, events: IntArray) -> IntArray:
        return np.array([self._draw(event) for event in events.tolist()])

    def update(self, known: Rewards) -> None:
        for event, action, reward in zip(*(column.tolist() for column in known), strict=True):
            labelled = f"0:{-reward}:{self._propensities[event]} {self._actions[action]}"
            examples = [self._parsed(self._contexts[event]), *self._examples]
            examples[1 + action] = self._parsed(labelled)
            self._learn(examples)

    def _draw(self, event: int) -> int:
        ranked: Any = self._predict([self._parsed(self._contexts[event]), *self._examples])
        chances = np.array([chance for _, chance in ranked])
        place = min(int(np.searchsorted(chances.cumsum(), self.random.random())), len(ranked) - 1)
        action: int = ranked[place][0]
        self._propensities[event] = chances[place]
        return action

    def _parsed(self, line: str) -> Any:
        return self._parser.parse_line(line)._example


def _lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The features of each row as text. A number is standardized over all rows."""
    numbers: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if not isinstance(value, str):
                numbers.setdefault(name, []).append(float(value))
    scales = {name: (float(np.mean(values)), float(np.std(values)) or 1.0) for name, values in numbers.items()}
    return [" ".join(_feature(name, value, scales) for name, value in row.items()) for row in rows]


def _feature(name: str, value: Any, scales: Mapping[str, tuple[float, float]]) -> str:
    if isinstance(value, str):
        return f"{quote(name)}={quote(value)}"
    mean, deviation = scales[name]
    return f"{quote(name)}:{(value - mean) / deviation:.6g}"
