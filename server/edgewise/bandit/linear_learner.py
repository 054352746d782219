"""The learner of a linear model. It keeps sums, and fits the weights when there are enough new rewards.

The bytes of a model have two parts: the fitted weights, which are all that a scorer reads, and the learner's data.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edgewise.bandit.expected_reward import Progress
from edgewise.bandit.linear_data import MEMORY, ActionTerms, LinearData, Tables, triangles
from edgewise.bandit.linear_fit import cost, fit
from edgewise.bandit.linear_scorer import FittedWeights, LinearActions, LinearScorer
from edgewise.bandit.taste_change import LEAST_EVENTS, surprise, threshold
from edgewise.bandit.terms import terms_of

_NEWCOMER_UNTIL = 5
_NEWCOMERS_AFTER = 20
"""An action with less than 5 rewards is explored with all of the uncertainty, once the average action has 20."""

_FIT_AFTER = 1 / 40
"""A fit waits for this share of new rewards."""

_OPERATIONS_PER_REWARD = 1_000_000
"""A fit waits for so many rewards that it takes at most this many floating-point operations for each."""

_UPDATE_AFTER = 100
"""The variances are estimated again after this many rewards, or at the next fit."""

_KEPT_AFTER_CHANGE = 0.05

_RECENT = 1000
"""The number of rewards over which the share of exploration is averaged."""


def decode_model(model: bytes) -> tuple[FittedWeights | None, bytes]:
    """The two parts of a model's bytes."""
    return msgspec.msgpack.decode(model, type=tuple[FittedWeights | None, bytes])


class LinearLearner:
    """Learns rewards one after the other, and fits the weights when there are enough new ones.

    The fits depend only on the learned rewards and their order. While the learner rests, it is only its bytes.
    """

    def __init__(self, model: bytes | None = None) -> None:
        self._bytes = model
        self._data: LinearData | None = None
        self._scorer = LinearScorer(None)
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
        if self._scorer.fitted is not None:
            self._watch(data, self._scorer.fitted, context, actions, available, chosen, reward)
        data.count(terms)
        data.add(data.rows[actions.parsed[chosen].id], data.vector(terms), reward)
        tables = data.tables
        tables.learned += 1
        tables.conversions += reward > 0
        if tables.events > MEMORY * 1.01:
            data.fade(MEMORY / tables.events)
        if tables.learned >= tables.fit_at:
            self._fit(data)

    def serialize(self) -> bytes:
        """The model's bytes. They depend only on the learned examples, not on earlier calls of this or of `rest`."""
        if self._data is not None:
            return msgspec.msgpack.encode((self._scorer.fitted, self._data.encode()))
        if self._bytes is None:
            self._bytes = msgspec.msgpack.encode((None, LinearData().encode()))
        return self._bytes

    def rest(self) -> None:
        """Free the sums. The next example to learn creates them again."""
        if self._data is not None:
            self._bytes, self._data = self.serialize(), None
            self._scorer, self._known = LinearScorer(None), None

    def _wake(self) -> LinearData:
        if self._bytes is None:
            self._data = LinearData()
        else:
            fitted, data = decode_model(self._bytes)
            self._scorer, self._data = LinearScorer(fitted), LinearData.decode(data)
        self._bytes = None
        return self._data

    def _watch(
        self,
        data: LinearData,
        fitted: FittedWeights,
        context: str,
        actions: LinearActions,
        available: Sequence[int],
        chosen: int,
        reward: float,
    ) -> None:
        """Keep little of the past if the rewards show that tastes have changed."""
        expected = self._scorer.expect(context, actions, available, chosen)
        doubt = max(expected.variance, 0.0) ** 0.5
        tables = data.tables
        tables.explored += ((expected.reward < expected.highest) - tables.explored) / min(tables.learned, _RECENT)
        surprised = surprise(reward, fitted.mean + expected.reward, doubt, fitted.mean + expected.average)
        tables.drift = max(0.0, tables.drift + surprised)
        if tables.events >= LEAST_EVENTS and tables.drift > threshold(tables.events):
            data.fade(_KEPT_AFTER_CHANGE)
            tables.drift = 0.0
            tables.changes += 1
            tables.fit_at = tables.learned + 1

    def _fit(self, data: LinearData) -> None:
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
        prior = (variances.own + variances.shared[:, 1:].sum(axis=1))[design.groups] * variances.noise
        self._scorer = LinearScorer(
            FittedWeights(
                tuple((column.name, column.is_number, *column.moments()) for column in tables.columns),
                tuple(action.id for action in tables.actions),
                tables.rewards / tables.events,
                variances.noise,
                posterior.weights.astype(np.float32).tobytes(),
                triangles(posterior.covariances).astype(np.float32).tobytes(),
                posterior.common[0].astype(np.float32).tobytes(),
                prior.astype(np.float32).tobytes(),
                _newcomers(data),
                (design.grams[:, 0].sum(axis=0) / tables.events).astype(np.float32).tobytes(),
                Progress(tables.conversions, tables.explored, tables.changes),
            )
        )


def _newcomers(data: LinearData) -> tuple[int, ...]:
    counts = data.grams[:, 0, 0]
    if data.tables.events < _NEWCOMERS_AFTER * len(counts):
        return ()
    return tuple(np.flatnonzero(counts < _NEWCOMER_UNTIL).tolist())
