"""The data of a linear model: sums over all learned rewards, and the tables that name their rows and columns.

The tables have bounds. A column is added when its term was learned a few times. If there is no room, a common term
takes the place of a rare one. All of it depends only on the learned rewards and their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from edgewise.bandit.action_features import action_features
from edgewise.bandit.linear_fit import Array, Design, Index, Variances, initial_variance
from edgewise.bandit.terms import Term

MAX_COLUMNS = 96
MAX_SUMS = 200_000
"""The most numbers in all sums of one model. They take 8 bytes each."""

MAX_FEATURES = 16
MAX_COMMON = 384
"""The most weights that actions can have in common: features times columns."""

MEMORY = 500_000.0
"""The number of rewards that a model remembers. Older ones fade."""

_ADMITTED_AFTER = 3
_MAX_CANDIDATES = 1024
_MAX_LEVELS = 256

_Number = TypeVar("_Number", np.float32, np.float64)

LARGEST_NUMBER = 4.0
"""Numbers are standardized, and limited to this many standard deviations."""


class ActionTerms(Struct, frozen=True, array_like=True):
    """The column of an action's id, and the terms of its own features."""

    id: str
    terms: tuple[Term, ...]


class Column(Struct, array_like=True):
    """A column of the context. `uses` counts the rewards with it. `total` and `squares` are sums of its numbers."""

    name: str
    group: int
    is_number: bool
    uses: float = 0.0
    count: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def moments(self) -> tuple[float, float]:
        """The mean, and one over the standard deviation. The latter is 0 until the numbers differ."""
        if not self.count:
            return 0.0, 0.0
        mean = self.total / self.count
        variance = self.squares / self.count - mean * mean
        return mean, variance**-0.5 if variance > 1e-9 * (1 + mean * mean) else 0.0


class Tables(Struct):
    """All that is not an array, in the form in which it is stored."""

    columns: list[Column] = msgspec.field(default_factory=lambda: [Column("", 0, False)])
    groups: dict[str, int] = msgspec.field(default_factory=lambda: {"": 0})
    levels: dict[str, int] = msgspec.field(default_factory=lambda: {"": 0})
    actions: list[ActionTerms] = msgspec.field(default_factory=list)
    candidates: dict[str, int] = msgspec.field(default_factory=dict)
    events: float = 0.0
    rewards: float = 0.0
    squares: float = 0.0
    noise: float = 0.0
    learned: int = 0
    fit_at: int = 1
    update_at: int = 25
    drift: float = 0.0
    changes: int = 0
    conversions: int = 0
    explored: float = 0.0


class LinearData:
    """`grams` (K, d, d) and `targets` (K, d) are the sums of x xᵀ and x times the reward."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.rows: dict[str, int] = {}
        self.index: dict[str, int] = {"": 0}
        self.grams: Array = np.zeros((0, 1, 1))
        self.targets: Array = np.zeros((0, 1))
        self.shared: Array = np.zeros((1, 1))
        self.own: Array = np.zeros(1)
        self._found: tuple[int, Array, Index] | None = None
        self._number_columns: list[tuple[Column, int]] | None = None

    def add_actions(self, actions: Sequence[ActionTerms]) -> None:
        """Give each action a row. Rows of actions that are gone are dropped if there are many of them."""
        self._found = None
        present = {action.id for action in actions}
        kept = self.tables.actions
        if sum(action.id not in present for action in kept) > len(actions) + 8:
            self._keep_rows([row for row, action in enumerate(kept) if action.id in present])
        if len(self.tables.levels) > _MAX_LEVELS:  # Many edits have renamed the actions' features.
            self.tables.levels = {"": 0}
            self.shared = self.shared[:, :1].copy()
        for action in actions:
            row = self.rows.get(action.id)
            if row is None:
                self.rows[action.id] = len(self.tables.actions)
                self.tables.actions.append(action)
            else:
                self.tables.actions[row] = action
        added, width = len(self.rows) - len(self.grams), len(self.tables.columns)
        if added:
            self.grams = np.concatenate([self.grams, np.zeros((added, width, width))])
            self.targets = np.concatenate([self.targets, np.zeros((added, width))])
            self._fit_columns()

    def vector(self, terms: Iterable[Term]) -> Array:
        """The columns of this context. Numbers are standardized, and a missing number is 0 before that."""
        x = np.zeros(len(self.tables.columns))
        x[0] = 1.0
        present: dict[str, float] = {}
        for term in terms:
            if term.is_number:
                present[term.column] = term.value
            elif (place := self.index.get(term.column)) is not None:
                x[place] = 1.0
        for column, place in self._numbers():
            mean, scale = column.moments()
            value = (present.get(column.name, 0.0) - mean) * scale
            x[place] = limited(value)
        return x

    def count(self, terms: Sequence[Term]) -> None:
        """Count the terms of a context that is learned next, and add columns for those that are common enough."""
        columns, index = self.tables.columns, self.index
        for term in terms:
            place = index.get(term.column)
            if place is None and (place := self._admit(term)) is None:
                continue
            columns[place].uses += 1
        present = {term.column: term.value for term in terms}
        for column, _ in self._numbers():
            value = present.get(column.name, 0.0)
            column.count += 1
            column.total += value
            column.squares += value * value

    def add(self, row: int, x: Array, reward: float) -> None:
        tables = self.tables
        self.grams[row] += x[:, None] * x
        self.targets[row] += x * reward
        tables.events += 1
        tables.rewards += reward
        tables.squares += reward * reward

    def fade(self, share: float) -> None:
        """Keep this share of the weight of everything that was learned."""
        tables = self.tables
        self.grams *= share
        self.targets *= share
        tables.events *= share
        tables.rewards *= share
        tables.squares *= share
        for column in tables.columns:
            column.uses *= share
            column.count *= share
            column.total *= share
            column.squares *= share

    def design(self) -> Design:
        tables = self.tables
        mean = tables.rewards / tables.events
        features, levels = self._features()
        return Design(
            self.grams,
            self.targets - mean * self.grams[:, 0, :],
            tables.squares - tables.events * mean * mean,
            tables.events,
            np.array([column.group for column in tables.columns]),
            features,
            levels,
        )

    def variances(self) -> Variances:
        """The prior variances. Those of new attributes and levels have their first value."""
        groups, levels = len(self.tables.groups), len(self.tables.levels)
        old_groups, old_levels = self.shared.shape
        if (groups, levels) != (old_groups, old_levels) or not self.own[0]:
            actions = len(self.rows)
            start = np.array([initial_variance(actions, is_crossed=group > 0) for group in range(groups)])
            shared, own = np.repeat(start[:, None], levels, axis=1), start.copy()
            if self.own[0]:
                shared[:old_groups, :old_levels] = self.shared
                own[:old_groups] = self.own
            self.shared, self.own = shared, own
        tables = self.tables
        mean = tables.rewards / tables.events
        # A twentieth of one squared reward keeps the noise above 0 while all rewards are equal.
        noise = tables.noise or (tables.squares - tables.events * mean * mean + 0.05) / (tables.events + 1)
        return Variances(self.shared, self.own, max(noise, 1e-4))

    def set_variances(self, variances: Variances) -> None:
        self.shared, self.own, self.tables.noise = variances

    def _numbers(self) -> list[tuple[Column, int]]:
        """The columns of numbers, and their places."""
        columns = self.tables.columns
        if self._number_columns is None:
            self._number_columns = [(column, place) for place, column in enumerate(columns) if column.is_number]
        return self._number_columns

    def encode(self) -> bytes:
        arrays = (triangles(self.grams), self.targets, self.shared, self.own)
        return msgspec.msgpack.encode((self.tables, [array.tobytes() for array in arrays]))

    @classmethod
    def decode(cls, data: bytes) -> LinearData:
        tables, (grams, targets, shared, own) = msgspec.msgpack.decode(data, type=tuple[Tables, list[bytes]])
        found = cls()
        found.tables = tables
        found.rows = {action.id: row for row, action in enumerate(tables.actions)}
        found.index = {column.name: place for place, column in enumerate(tables.columns)}
        rows, width = len(tables.actions), len(tables.columns)
        found.grams = from_triangles(np.frombuffer(grams), width)
        found.targets = np.frombuffer(targets).reshape(rows, width).copy()
        found.own = np.frombuffer(own).copy()
        found.shared = np.frombuffer(shared).reshape(len(found.own), -1).copy()
        return found

    def _admit(self, term: Term) -> int | None:
        """Add a column for a term that was learned a few times. Returns its place, None if there is none."""
        tables = self.tables
        seen = tables.candidates.get(term.column, 0) + 1
        if seen < _ADMITTED_AFTER:
            self._remember(term.column, seen)
            return None
        if len(tables.columns) >= self._most_columns():
            rarest = min(range(1, len(tables.columns)), key=lambda place: tables.columns[place].uses, default=None)
            if rarest is None or seen <= 2 * tables.columns[rarest].uses:
                self._remember(term.column, seen)
                return None
            self._keep_columns([place for place in range(len(tables.columns)) if place != rarest])
        tables.candidates.pop(term.column, None)
        group = tables.groups.setdefault(term.attribute, len(tables.groups))
        self.index[term.column] = len(tables.columns)
        tables.columns.append(Column(term.column, group, term.is_number))
        self._number_columns = None
        self.grams = np.pad(self.grams, ((0, 0), (0, 1), (0, 1)))
        self.targets = np.pad(self.targets, ((0, 0), (0, 1)))
        return len(tables.columns) - 1

    def _remember(self, column: str, seen: int) -> None:
        candidates = self.tables.candidates
        if column not in candidates and len(candidates) >= _MAX_CANDIDATES:
            self.tables.candidates = candidates = {name: n // 2 for name, n in candidates.items() if n > 1}
        candidates[column] = seen

    def _most_columns(self) -> int:
        return max(1, min(MAX_COLUMNS, int((MAX_SUMS / max(1, len(self.rows))) ** 0.5)))

    def _fit_columns(self) -> None:
        """Drop the rarest columns if there are too many for this number of actions."""
        columns, most = self.tables.columns, self._most_columns()
        if len(columns) > most:
            common = sorted(range(1, len(columns)), key=lambda place: -columns[place].uses)[: most - 1]
            self._keep_columns([0, *sorted(common)])

    def _keep_columns(self, places: list[int]) -> None:
        self.tables.columns = [self.tables.columns[place] for place in places]
        self._number_columns = None
        self.index = {column.name: place for place, column in enumerate(self.tables.columns)}
        self.grams = np.ascontiguousarray(self.grams[:, places][:, :, places])
        self.targets = np.ascontiguousarray(self.targets[:, places])
        used = sorted({column.group for column in self.tables.columns})
        if len(used) < len(self.tables.groups):
            variances_of = self.shared, self.own
            names = {group: name for name, group in self.tables.groups.items()}
            known = [group for group in used if group < len(self.own)]
            self.shared, self.own = variances_of[0][known], variances_of[1][known]
            self.tables.groups = {names[group]: new for new, group in enumerate(used)}
            new_group = {group: new for new, group in enumerate(used)}
            for column in self.tables.columns:
                column.group = new_group[column.group]

    def _keep_rows(self, places: list[int]) -> None:
        self.tables.actions = [self.tables.actions[row] for row in places]
        self.rows = {action.id: row for row, action in enumerate(self.tables.actions)}
        self.grams, self.targets = self.grams[places], self.targets[places]

    def _features(self) -> tuple[Array, Index]:
        most = max(1, min(MAX_FEATURES, MAX_COMMON // len(self.tables.columns)))
        if self._found is None or self._found[0] != most:
            terms = [action.terms for action in self.tables.actions]
            self._found = (most, *action_features(terms, self.tables.levels, most))
        return self._found[1:]


def triangles(matrices: Array) -> Array:
    """The upper triangles of symmetric matrices (K, d, d), as rows."""
    upper = np.triu_indices(matrices.shape[1])
    return np.asarray(matrices[:, upper[0], upper[1]])


def from_triangles(triangles: npt.NDArray[_Number], width: int) -> npt.NDArray[_Number]:
    """The symmetric matrices (K, width, width) with these upper triangles."""
    upper = np.triu_indices(width)
    rows = triangles.reshape(-1, len(upper[0]))
    matrices = np.zeros((len(rows), width, width), triangles.dtype)
    matrices[:, upper[0], upper[1]] = rows
    matrices[:, upper[1], upper[0]] = rows
    return matrices


def limited(value: float) -> float:
    """A standardized number within the limits."""
    return min(max(value, -LARGEST_NUMBER), LARGEST_NUMBER)
