"""The linear model: a learner that keeps sums, and a scorer that has only the fitted weights.

The bytes of a model have two parts. A scorer reads only the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import msgspec
import numpy as np
from msgspec import Struct

from edgewise.bandit.best_action import Floats, best_probabilities
from edgewise.bandit.linear_data import LARGEST_NUMBER, MEMORY, ActionTerms, LinearData, Tables
from edgewise.bandit.linear_fit import cost, fit
from edgewise.bandit.terms import term_of, terms_of

CURIOSITY = 0.2
"""The share of the model's uncertainty that exploration uses. Chosen by measurement: docs/engineering/learning.md."""

_NEWCOMER_UNTIL = 5
_NEWCOMERS_AFTER = 20
"""An action with less than 5 rewards is explored with all of the uncertainty, once the average action has 20."""

_FIT_AFTER = 1 / 40
"""A fit waits for this share of new rewards."""

_OPERATIONS_PER_REWARD = 1_000_000
"""A fit waits for so many rewards that it takes at most this many floating-point operations for each."""

_UPDATE_AFTER = 100
"""The variances are estimated again after this many rewards, or at the next fit."""

_SURE_CHANGE = 6.0
_DOUBT = 0.5
_CHANGES_AFTER = 2000
_LEAST_PROBABILITY = 0.005

_MAX_ENTRIES = 4096
_MAX_ANSWERED = 20_000
"""The most probabilities that a scorer keeps, in all contexts."""
_KEPT_AFTER_CHANGE = 0.05


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


class _Weights(Struct, array_like=True):
    """The first part of a model's bytes.

    `columns` have a name, whether they are numbers, their mean and one over their standard deviation. `typical` and
    `prior` are the weights of an action that was never learned, and their variances. `mean` is that of all rewards.
    `newcomers` are the rows of actions with few rewards, while the others have many.
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


class LinearScorer:
    """Gives probabilities to actions from fitted weights. Without bytes, or before the first fit, all are equal."""

    def __init__(self, model: bytes | None = None) -> None:
        found = None if model is None else msgspec.msgpack.decode(model, type=tuple[_Weights | None, bytes])[0]
        self._set(found)

    @classmethod
    def of(cls, weights: _Weights | None) -> LinearScorer:
        scorer = cls()
        scorer._set(weights)
        return scorer

    def _set(self, found: _Weights | None) -> None:
        self.stored = found
        if found is None:
            return
        width = len(found.columns)
        upper = np.triu_indices(width)
        triangle = np.frombuffer(found.covariances, np.float32).reshape(len(found.actions), -1)
        covariances = np.zeros((len(found.actions), width, width), np.float32)
        covariances[:, upper[0], upper[1]] = triangle
        covariances[:, upper[1], upper[0]] = triangle
        self._learned = np.frombuffer(found.weights, np.float32).reshape(-1, width)
        self._covariances = covariances
        self._index = {name: place for place, (name, *_) in enumerate(found.columns)}
        self._scales = [(mean, scale) for _, _, mean, scale in found.columns]
        self._without_terms = np.zeros(width, np.float32)
        self._without_terms[0] = 1.0
        for place, (_, is_number, mean, scale) in enumerate(found.columns):
            if is_number:
                self._without_terms[place] = _limited(-mean * scale)
        self._actions: LinearActions | None = None
        self._entries: dict[str, tuple[int, float] | tuple[()]] = {}
        self._answers: dict[str, list[float]] = {}

    def probabilities(self, context: str, actions: LinearActions, available: Sequence[int]) -> list[float]:
        """The probability of each available action, in their order. The sum is 1 within 32-bit rounding.

        `context` is a line of `features.context_line`. `available` has positions in `actions`.
        """
        if self.stored is None:
            return [1.0 / len(available)] * len(available)
        if self._actions is not actions or len(self._weights) != len(actions):
            self._select(actions)
        if len(available) < len(actions):
            return self._score(context, list(available))
        # Visitors without a history often have equal contexts.
        probabilities = self._answers.get(context)
        if probabilities is None:
            probabilities = self._score(context, None)
            if len(self._answers) * len(actions) >= _MAX_ANSWERED:
                self._answers.clear()
            self._answers[context] = probabilities
        return probabilities

    def expect(
        self, context: str, actions: LinearActions, available: Sequence[int], chosen: int
    ) -> tuple[float, float, float]:
        """The expected reward of the chosen action, its variance, and the mean expected reward of the available ones.

        The rewards are relative to the mean of all learned ones.
        """
        if self._actions is not actions or len(self._weights) != len(actions):
            self._select(actions)
        x = self._vector(context)
        means = self._weights @ x
        eligible = means if len(available) == len(means) else means[list(available)]
        return float(means[chosen]), float(self._selected[chosen] @ x @ x), float(eligible.sum()) / len(eligible)

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
        x, entries = self._without_terms.copy(), self._entries
        letter = ""
        for token in context.split(" "):
            if token[:1] == "|":
                letter = token
                continue
            entry = entries.get(letter + token)
            if entry is None:
                entry = self._entry(letter, token)
            if entry:
                x[entry[0]] = entry[1]
        return x

    def _entry(self, letter: str, token: str) -> tuple[int, float] | tuple[()]:
        """The place of a token and its number there. Empty if the model does not have it."""
        entry: tuple[int, float] | tuple[()] = ()
        term = term_of(letter[1:], token) if letter else None
        place = None if term is None else self._index.get(term.column)
        if term is not None and place is not None:
            mean, scale = self._scales[place]
            entry = (place, _limited((term.value - mean) * scale) if term.is_number else 1.0)
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries.clear()
        self._entries[letter + token] = entry
        return entry

    def _select(self, actions: LinearActions) -> None:
        """Keep the weights of these actions in their order, because most calls have the same ones."""
        assert self.stored is not None
        rows = {id: row for row, id in enumerate(self.stored.actions)}
        found = [rows.get(action.id, -1) for action in actions.parsed]
        self._weights = self._learned[found]
        self._selected = self._covariances[found]
        self._curiosity = np.full(len(found), CURIOSITY, np.float32)
        newcomers = {-1, *self.stored.newcomers}
        for position, row in enumerate(found):
            if row in newcomers:
                self._curiosity[position] = 1.0
            if row < 0:
                self._weights[position] = np.frombuffer(self.stored.typical, np.float32)
                self._selected[position] = np.diag(np.frombuffer(self.stored.prior, np.float32))
        self._actions = actions
        self._answers.clear()


class LinearLearner:
    """Learns rewards one after the other, and fits the weights when there are enough new ones.

    The fits depend only on the learned rewards and their order. While the learner rests, it is only its bytes.
    """

    def __init__(self, model: bytes | None = None) -> None:
        self._bytes = model
        self._data: LinearData | None = None
        self._scorer = LinearScorer()
        self._known: Sequence[ActionTerms] | None = None

    @property
    def is_resting(self) -> bool:
        return self._data is None

    @property
    def tables(self) -> Tables:
        """What was learned, besides the sums. Reading it ends a rest."""
        return (self._data or self._wake()).tables

    def learn(self, context: str, actions: LinearActions, available: Sequence[int], chosen: int, cost: float) -> None:
        """Learn the cost of the action at position `chosen`, which is one of `available`."""
        data = self._data or self._wake()
        if self._known is not actions.parsed or len(data.rows) < len(actions):
            data.add_actions(actions.parsed)
            self._known = actions.parsed
        terms, reward = terms_of(context), -cost
        if self._scorer.stored is not None:
            self._watch(self._scorer.stored, context, actions, available, chosen, reward)
        data.count(terms)
        data.add(data.rows[actions.parsed[chosen].id], data.vector(terms), reward)
        tables = data.tables
        tables.learned += 1
        if tables.events > MEMORY * 1.01:
            data.fade(MEMORY / tables.events)
        if tables.learned >= tables.fit_at:
            self._fit()

    def serialize(self) -> bytes:
        """The model's bytes. They depend only on the learned examples, not on earlier calls of this or of `rest`."""
        if self._data is not None:
            return msgspec.msgpack.encode((self._scorer.stored, self._data.encode()))
        if self._bytes is None:
            self._bytes = msgspec.msgpack.encode((None, LinearData().encode()))
        return self._bytes

    def rest(self) -> None:
        """Free the sums. The next example to learn creates them again."""
        if self._data is not None:
            self._bytes, self._data = self.serialize(), None
            self._scorer, self._known = LinearScorer(), None

    def _wake(self) -> LinearData:
        if self._bytes is None:
            self._data = LinearData()
        else:
            weights, data = msgspec.msgpack.decode(self._bytes, type=tuple[_Weights | None, bytes])
            self._scorer, self._data = LinearScorer.of(weights), LinearData.decode(data)
        self._bytes = None
        return self._data

    def _watch(
        self,
        fitted: _Weights,
        context: str,
        actions: LinearActions,
        available: Sequence[int],
        chosen: int,
        reward: float,
    ) -> None:
        """Compare this reward with what the model expected, and with what an average action would earn.

        If the average action explains many rewards in a row better, tastes have changed, and most of what was learned
        is wrong. The sum of the log-likelihood ratios is restarted at 0. Page, "Continuous inspection schemes", 1954.
        The likelihood is Bernoulli's, also for rewards between 0 and 1. An expectation counts only as far as it is more
        than one standard deviation from the average action.
        """
        data = self._data
        assert data is not None
        expected, variance, average = self._scorer.expect(context, actions, available, chosen)
        doubt = _DOUBT * max(variance, 0.0) ** 0.5
        advantage = expected - average
        average += fitted.mean
        sure = average + max(advantage - doubt, 0.0) + min(advantage + doubt, 0.0)
        sure, average = _as_probability(sure), _as_probability(average)
        tables = data.tables
        ratio = reward * log(average / sure) + (1 - reward) * log((1 - average) / (1 - sure))
        tables.drift = max(0.0, tables.drift + ratio)
        if tables.drift > _SURE_CHANGE and tables.events >= _CHANGES_AFTER:
            data.fade(_KEPT_AFTER_CHANGE)
            tables.drift = 0.0
            tables.changes += 1
            tables.fit_at = tables.learned + 1

    def _fit(self) -> None:
        data = self._data
        assert data is not None
        tables = data.tables
        design = data.design()
        update = tables.learned >= tables.update_at
        posterior, variances = fit(design, data.variances(), update=update)
        if update:
            data.set_variances(variances)
            tables.update_at = tables.learned + _UPDATE_AFTER
        rows, width = design.targets.shape
        operations = cost(rows, width, design.features.shape[1])
        wait = max(1, int(tables.events * _FIT_AFTER), operations // _OPERATIONS_PER_REWARD)
        tables.fit_at = tables.learned + wait
        upper = np.triu_indices(width)
        triangle = posterior.covariances[:, upper[0], upper[1]]
        prior = (variances.own + variances.shared[:, 1:].sum(axis=1))[design.groups] * variances.noise
        self._scorer = LinearScorer.of(
            _Weights(
                tuple((column.name, column.is_number, *column.moments()) for column in tables.columns),
                tuple(action.id for action in tables.actions),
                tables.rewards / tables.events,
                variances.noise,
                posterior.weights.astype(np.float32).tobytes(),
                triangle.astype(np.float32).tobytes(),
                posterior.common[0].astype(np.float32).tobytes(),
                prior.astype(np.float32).tobytes(),
                _newcomers(data),
            )
        )


def _newcomers(data: LinearData) -> tuple[int, ...]:
    counts = data.grams[:, 0, 0]
    if data.tables.events < _NEWCOMERS_AFTER * len(counts):
        return ()
    return tuple(np.flatnonzero(counts < _NEWCOMER_UNTIL).tolist())


def _as_probability(reward: float) -> float:
    return min(max(reward, _LEAST_PROBABILITY), 1 - _LEAST_PROBABILITY)


def _limited(value: float) -> float:
    return min(max(value, -LARGEST_NUMBER), LARGEST_NUMBER)
