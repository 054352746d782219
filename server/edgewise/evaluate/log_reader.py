"""Reading a log: its records become traffic, as the map says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from edgewise.config.messages import describe, mismatch, suggestion
from edgewise.config.values import DAY, label, number
from edgewise.errors import ReplayError
from edgewise.evaluate.log_rows import Row, Traffic
from edgewise.evaluate.records import Record, read_records
from edgewise.evaluate.rowmap import RowMap, a_probability, read_map
from edgewise.policies.actions import MOST_ACTIONS
from edgewise.policies.policy import Action, Policy, Reward
from edgewise.policies.policy_file import read_policy
from edgewise.types import Milliseconds

T = TypeVar("T")

_BEGINNING: Milliseconds = DAY
"""When a log without times begins; no time in a log may be earlier."""

_MOST_COLUMNS_TOLD = 30


def read_traffic(log: Path, map: Path) -> Traffic:
    """The traffic in this log, as the map reads it.

    Raises:
        PolicyError: the map is not TOML, or the policy that it names is wrong.
        ReplayError: the map or the log is wrong, or they do not fit each other or the policy.
    """
    columns = read_map(map)
    texts = [columns.action] if columns.time is None else [columns.action, columns.time]
    reading = _Reading(log.name, columns, read_records(log, texts))
    policy = reading.derived_policy() if columns.policy is None else _policy_in(columns, columns.policy)
    rows = reading.rows(policy)
    within = [row._replace(reward=min(max(row.reward, policy.reward.low), policy.reward.high)) for row in rows]
    clamped = sum(row.reward != before.reward for row, before in zip(within, rows, strict=True))
    return Traffic(policy, within, clamped)


def _policy_in(columns: RowMap, path: Path) -> Policy:
    policy = read_policy(path)
    where = f"{columns.name}: policy"
    if policy.placement != columns.placement:
        raise ReplayError(
            f"{where}: found one for {describe(policy.placement)}, expected {describe(columns.placement)}"
        )
    if policy.slots != 1:
        raise ReplayError(f"{where}: found one of {policy.slots} slots, expected 1: a row of a log names one action")
    if policy.explore.mode != "online":
        raise ReplayError(f"{where}: found one in mode {policy.explore.mode}, expected online: a replay learns")
    if not policy.enabled:
        raise ReplayError(f"{where}: found one with enabled = false, expected one that decides")
    if columns.time is None and any(action.starts or action.ends for action in policy.actions):
        raise ReplayError(f"{where}: found actions with starts or ends, expected none, or a column of times")
    return policy


class _Reading:
    """Records, read by a map."""

    def __init__(self, name: str, columns: RowMap, records: Sequence[Record]) -> None:
        if len(records) < 2:
            raise ReplayError(f"{name}: found {len(records)} rows, expected at least 2")
        self._name = name
        self._map = columns
        self._records = records
        self._check_columns()
        self._actions = [self._take(record, columns.action, _an_action) for record in records]
        self._rewards = [self._take(record, columns.reward, number) for record in records]

    def derived_policy(self) -> Policy:
        """The log's actions, decided by all defaults. Rewards outside 0 to 1 widen the range, to hold them all."""
        ids = sorted(set(self._actions))
        if not 2 <= len(ids) <= MOST_ACTIONS:
            what = f"found {len(ids)} different actions in column {describe(self._map.action)} of {self._name}"
            raise ReplayError(f"{self._map.name}: columns.action: {what}, expected 2 to {MOST_ACTIONS}")
        reward = Reward(low=min(0.0, min(self._rewards)), high=max(1.0, max(self._rewards)))
        actions = tuple(map(Action, ids))
        return Policy(self._map.placement, actions, (ids[0],), reward=reward, control_share=0.0)

    def rows(self, policy: Policy) -> list[Row]:
        """The rows in the order of their times."""
        index = {action.id: position for position, action in enumerate(policy.actions)}
        rows = []
        for place, record in enumerate(self._records):
            action, reward = self._actions[place], self._rewards[place]
            if action not in index:
                message = f"found {describe(action)}, expected an action of the policy, one of {_listed(index)}"
                raise self._wrong(record, self._map.action, message)
            propensity, ms = self._propensity(record), self._time(record, place)
            rows.append(Row(self._context(record.fields), index[action], reward, propensity, ms))
        return sorted(rows, key=lambda row: row.ms)

    def _context(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        columns = self._map
        if columns.context is not None:
            return {name: fields[name] for name in columns.context if name in fields}
        other = {columns.action, columns.reward, columns.propensity, columns.time}
        return {name: value for name, value in fields.items() if name not in other}

    def _propensity(self, record: Record) -> float:
        column = self._map.propensity
        return column if isinstance(column, float) else self._take(record, column, a_probability)

    def _time(self, record: Record, place: int) -> Milliseconds:
        if self._map.time is None:
            return _BEGINNING + round(place * self._map.seconds_per_row * 1000)
        return self._take(record, self._map.time, _a_time)

    def _take(self, record: Record, column: str, read: Callable[[Any], T]) -> T:
        try:
            return read(record.fields.get(column))
        except ValueError as error:
            raise self._wrong(record, column, str(error)) from error

    def _wrong(self, record: Record, column: str, message: str) -> ReplayError:
        return ReplayError(f"{self._name}:{record.line}: {column}: {message}")

    def _check_columns(self) -> None:
        """A column that no row has is a mistake in the map."""
        known = list(dict.fromkeys(column for record in self._records for column in record.fields))
        asked: list[tuple[str, str | float | None]] = [
            ("action", self._map.action),
            ("reward", self._map.reward),
            ("propensity", self._map.propensity),
            ("time", self._map.time),
            *((f"context[{place}]", column) for place, column in enumerate(self._map.context or ())),
        ]
        problems = [
            f"{self._map.name}: columns.{key}: found {describe(column)}, expected a column with values in "
            f"{self._name}, one of {_listed(known)}.{suggestion(column, known)}"
            for key, column in asked
            if isinstance(column, str) and column not in known
        ]
        if problems:
            raise ReplayError("\n".join(problems))


def _listed(names: Sequence[str] | Mapping[str, int]) -> str:
    told = list(names)[:_MOST_COLUMNS_TOLD]
    return ", ".join(told) + (f" and {len(names) - len(told)} more" if len(names) > len(told) else "")


_an_id = label(128)


def _an_action(value: Any) -> str:
    return _an_id(str(value) if type(value) is int else value)


def _a_time(value: Any) -> Milliseconds:
    """ISO 8601 (in UTC, where it names no zone), or the time since the epoch, in seconds or milliseconds."""
    try:
        since = float(value)
        ms = round(since if since > 1e11 else since * 1000)
    except (TypeError, ValueError, OverflowError):
        ms = _iso(value)
    if ms >= _BEGINNING:
        return ms
    raise ValueError(mismatch("a time after 1970-01-01", value))


def _iso(value: Any) -> Milliseconds:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        expected = "a time in ISO 8601, or in seconds or milliseconds since the epoch"
        raise ValueError(mismatch(expected, value)) from error
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
