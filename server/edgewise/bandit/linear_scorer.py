"""The scorer of a linear model: the fitted weights, and the probabilities that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from edgewise.bandit.best_action import Floats, best_probabilities
from edgewise.bandit.expected_reward import ExpectedReward, Progress
from edgewise.bandit.linear_data import ActionTerms, from_triangles, limited
from edgewise.bandit.terms import term_of, terms_of

CURIOSITY = 0.2
"""The share of the model's uncertainty that exploration uses. Chosen by measurement: docs/engineering/learning.md."""

_NORMAL_95 = 1.96
"""The 95% interval of a normal variable, in standard deviations to each side."""

_MAX_TOKENS = 1024
"""The most tokens of contexts whose columns a scorer keeps. Strangers can send others for ever."""

_MAX_KNOWN = 4000
_LONGEST_KNOWN = 512
"""The most probabilities that a scorer keeps, and the most characters of a context that it keeps them for."""


class LinearActions:
    """The actions of one policy version, as terms."""

    def __init__(self) -> None:
        self.parsed: list[ActionTerms] = []

    def extend(self, lines: Sequence[str]) -> None:
        """Parse the lines of the next actions."""
        for line in lines:
            id, *terms = terms_of(line)
            self.parsed.append(ActionTerms(id.column, tuple(terms)))

    def __len__(self) -> int:
        return len(self.parsed)


class FittedWeights(Struct, array_like=True):
    """All that a scorer needs, in the form in which it is stored.

    `columns` have a name, whether they are numbers, their mean and one over their standard deviation. `typical` and
    `prior` are the weights of an action that was never learned, and their variances. `mean` is that of all rewards.
    `newcomers` are the rows of actions with few rewards, while the others have many. `average` is the mean context.
    """

    columns: tuple[tuple[str, bool, float, float], ...]
    actions: tuple[str, ...]
    mean: float
    noise: float
    weights: bytes
    covariances: bytes
    typical: bytes
    prior: bytes
    newcomers: tuple[int, ...]
    average: bytes
    progress: Progress


class Expectation(NamedTuple):
    """The expected reward of an action and its variance, and the mean and the highest expected one of all actions.

    The rewards are relative to the mean of all learned ones.
    """

    reward: float
    variance: float
    average: float
    highest: float


class LinearScorer:
    """Gives probabilities to actions from fitted weights. Before the first fit, all are equal."""

    def __init__(self, fitted: FittedWeights | None) -> None:
        self.fitted = fitted
        if fitted is None:
            return
        width = len(fitted.columns)
        self._learned = np.frombuffer(fitted.weights, np.float32).reshape(-1, width)
        self._covariances = from_triangles(np.frombuffer(fitted.covariances, np.float32), width)
        self._index = {name: place for place, (name, *_) in enumerate(fitted.columns)}
        self._scales = [(mean, scale) for _, _, mean, scale in fitted.columns]
        self._without_terms = np.zeros(width, np.float32)
        self._without_terms[0] = 1.0
        for place, (_, is_number, mean, scale) in enumerate(fitted.columns):
            if is_number:
                self._without_terms[place] = limited(-mean * scale)
        self._actions: LinearActions | None = None
        self._tokens: dict[str, tuple[int, float] | tuple[()]] = {}
        self._known: dict[str, list[float]] = {}

    def probabilities(self, context: str, actions: LinearActions, available: Sequence[int]) -> list[float]:
        """The probability of each available action, in their order. The sum is 1 within 32-bit rounding.

        `context` is a line of `features.context_line`. `available` has positions in `actions`.
        """
        if self.fitted is None:
            return [1.0 / len(available)] * len(available)
        if self._actions is not actions or len(self._weights) != len(actions):
            self._select(actions)
        if len(available) < len(actions):
            return self._score(context, list(available))
        # Visitors without a history often have equal contexts.
        probabilities = self._known.get(context)
        if probabilities is None:
            probabilities = self._score(context, None)
            if len(context) <= _LONGEST_KNOWN:
                if len(self._known) * len(actions) >= _MAX_KNOWN:
                    self._known.clear()
                self._known[context] = probabilities
        return probabilities

    def expect(self, context: str, actions: LinearActions, available: Sequence[int], chosen: int) -> Expectation:
        """What the chosen action was expected to earn, and the available ones."""
        if self._actions is not actions or len(self._weights) != len(actions):
            self._select(actions)
        x = self._vector(context)
        means = self._weights @ x
        eligible = means if len(available) == len(means) else means[list(available)]
        variance = float(self._selected[chosen] @ x @ x)
        return Expectation(float(means[chosen]), variance, float(eligible.sum()) / len(eligible), float(eligible.max()))

    def expected_rewards(
        self, context: str | None, actions: LinearActions, available: Sequence[int]
    ) -> list[ExpectedReward] | None:
        """The expected reward of each available action, in their order. Without a context, for the average visitor.

        None before the first fit.
        """
        if self.fitted is None:
            return None
        if self._actions is not actions or len(self._weights) != len(actions):
            self._select(actions)
        places = list(available)
        x = np.frombuffer(self.fitted.average, np.float32) if context is None else self._vector(context)
        means, variances = self._weights[places] @ x, self._selected[places] @ x @ x
        deviations = np.sqrt(np.maximum(variances, 0.0))
        steps = np.array([[0.0], [-_NORMAL_95], [_NORMAL_95]])
        rewards = (self.fitted.mean + means + steps * deviations).clip(0.0, 1.0)
        best = best_probabilities(means, deviations)
        return [ExpectedReward(*row) for row in zip(*rewards.tolist(), best.tolist(), strict=True)]

    def _score(self, context: str, places: list[int] | None) -> list[float]:
        weights, covariances = self._weights, self._selected
        if places is not None:
            weights, covariances = weights[places], covariances[places]
        x = self._vector(context)
        variances = (covariances.reshape(-1, len(x)) @ x).reshape(-1, len(x)) @ x
        curiosity = self._curiosity if places is None else self._curiosity[places]
        deviations = curiosity * np.sqrt(np.maximum(variances, 0.0))
        probabilities: list[float] = best_probabilities(weights @ x, deviations).tolist()
        return probabilities

    def _vector(self, context: str) -> Floats:
        x, tokens = self._without_terms.copy(), self._tokens
        letter = ""
        for token in context.split(" "):
            if token[:1] == "|":
                letter = token
                continue
            entry = tokens.get(letter + token)
            if entry is None:
                entry = self._find(letter, token)
            if entry:
                x[entry[0]] = entry[1]
        return x

    def _find(self, letter: str, token: str) -> tuple[int, float] | tuple[()]:
        """The place of a token and its number there. Empty if the model does not have it."""
        entry: tuple[int, float] | tuple[()] = ()
        term = term_of(letter[1:], token) if letter else None
        place = None if term is None else self._index.get(term.column)
        if term is not None and place is not None:
            mean, scale = self._scales[place]
            entry = (place, limited((term.value - mean) * scale) if term.is_number else 1.0)
        if len(self._tokens) >= _MAX_TOKENS:
            self._tokens.clear()
        self._tokens[letter + token] = entry
        return entry

    def _select(self, actions: LinearActions) -> None:
        """Keep the weights of these actions in their order, because most calls have the same ones."""
        assert self.fitted is not None
        rows = {id: row for row, id in enumerate(self.fitted.actions)}
        found = [rows.get(action.id, -1) for action in actions.parsed]
        if found == list(range(len(rows))):
            self._weights, self._selected = self._learned, self._covariances
        else:
            self._weights, self._selected = self._learned[found], self._covariances[found]
        self._curiosity = np.full(len(found), CURIOSITY, np.float32)
        newcomers = {-1, *self.fitted.newcomers}
        for position, row in enumerate(found):
            if row in newcomers:
                self._curiosity[position] = 1.0
            if row < 0:
                self._weights[position] = np.frombuffer(self.fitted.typical, np.float32)
                self._selected[position] = np.diag(np.frombuffer(self.fitted.prior, np.float32))
        self._actions = actions
        self._known.clear()
