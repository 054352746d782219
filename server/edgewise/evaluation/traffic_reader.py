"""The traffic reader: turns the records of a log file into logged traffic, by a column map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from edgewise.config.messages import describe, mismatch, suggestion
from edgewise.config.values import DAY, label, number
from edgewise.errors import ReplayError
from edgewise.evaluation.column_map import ColumnMap, read_column_map, read_probability
from edgewise.evaluation.log_records import LogRecord, read_records
from edgewise.evaluation.logged_traffic import LoggedRow, LoggedTraffic
from edgewise.policies.actions import MOST_ACTIONS
from edgewise.policies.policy import Action, Policy, Reward
from edgewise.policies.policy_file import read_policy
from edgewise.types import Milliseconds

T = TypeVar("T")

_FIRST_TIME: Milliseconds = DAY
"""The earliest time that a log may have, and the time of the first row in a log without times."""

_MAX_LISTED = 30
"""The number of names that a message lists."""

_action_id = label(128)


def read_traffic(log: Path, map: Path) -> LoggedTraffic:
    """Read a log with the columns that the map names.

    Raises:
        PolicyError: the map is not TOML, or its policy is invalid.
        ReplayError: the map or the log is invalid, or they do not match each other or the policy.
    """
    columns = read_column_map(map)
    texts = [columns.action] if columns.time is None else [columns.action, columns.time]
    reader = _TrafficReader(log.name, columns, read_records(log, texts))
    policy = reader.default_policy() if columns.policy is None else _read_policy(columns, columns.policy)
    rows = reader.rows(policy)
    in_range = [row._replace(reward=min(max(row.reward, policy.reward.low), policy.reward.high)) for row in rows]
    clamped = sum(row.reward != before.reward for row, before in zip(in_range, rows, strict=True))
    return LoggedTraffic(policy, in_range, clamped)


def _read_policy(columns: ColumnMap, path: Path) -> Policy:
    policy = read_policy(path)
    problem = None
    if policy.placement != columns.placement:
        problem = f"Expected placement {describe(columns.placement)}, found {describe(policy.placement)}."
    elif policy.slots != 1:
        problem = f"Expected 1 slot, found {policy.slots}. A row of a log names one action."
    elif policy.explore.mode != "online":
        problem = f"Expected explore.mode online, found {policy.explore.mode}. A replay needs a policy that learns."
    elif not policy.enabled:
        problem = "The policy has enabled = false. Enable it for the replay."
    elif columns.time is None and any(action.starts or action.ends for action in policy.actions):
        problem = "Actions have starts or ends. Name a column of times in columns.time, or remove them."
    if problem is not None:
        raise ReplayError(f"{columns.name}: policy: {problem}")
    return policy


class _TrafficReader:
    """Reads records with a column map. `name` is the file's, for messages."""

    def __init__(self, name: str, columns: ColumnMap, records: Sequence[LogRecord]) -> None:
        if len(records) < 2:
            raise ReplayError(f"{name}: Expected at least 2 rows, found {len(records)}.")
        self._name = name
        self._columns = columns
        self._records = records
        self._check_columns()
        self._actions = [self._read(record, columns.action, _read_action) for record in records]
        self._rewards = [self._read(record, columns.reward, number) for record in records]

    def default_policy(self) -> Policy:
        """A policy with the log's actions and default settings. Its reward range includes 0 to 1 and all rewards."""
        ids = sorted(set(self._actions))
        if not 2 <= len(ids) <= MOST_ACTIONS:
            raise ReplayError(
                f"{self._columns.name}: columns.action: Expected a column with 2 to {MOST_ACTIONS} different actions, "
                f"found {len(ids)} in column {describe(self._columns.action)} of {self._name}."
            )
        reward = Reward(low=min(0.0, min(self._rewards)), high=max(1.0, max(self._rewards)))
        actions = tuple(map(Action, ids))
        return Policy(self._columns.placement, actions, (ids[0],), reward=reward, control_share=0.0)

    def rows(self, policy: Policy) -> list[LoggedRow]:
        """The rows in the order of their times."""
        index = {action.id: position for position, action in enumerate(policy.actions)}
        rows = []
        for place, record in enumerate(self._records):
            action, reward = self._actions[place], self._rewards[place]
            if action not in index:
                message = f"Expected an action of the policy, found {describe(action)}. Use one of {_listed(index)}."
                raise self._error(record, self._columns.action, message)
            propensity, ms = self._propensity(record), self._time(record, place)
            rows.append(LoggedRow(self._context(record.fields), index[action], reward, propensity, ms))
        return sorted(rows, key=lambda row: row.ms)

    def _context(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        columns = self._columns
        if columns.context is not None:
            return {name: fields[name] for name in columns.context if name in fields}
        other = {columns.action, columns.reward, columns.propensity, columns.time}
        return {name: value for name, value in fields.items() if name not in other}

    def _propensity(self, record: LogRecord) -> float:
        column = self._columns.propensity
        return column if isinstance(column, float) else self._read(record, column, read_probability)

    def _time(self, record: LogRecord, place: int) -> Milliseconds:
        if self._columns.time is None:
            return _FIRST_TIME + round(place * self._columns.seconds_per_row * 1000)
        return self._read(record, self._columns.time, _read_time)

    def _read(self, record: LogRecord, column: str, read: Callable[[Any], T]) -> T:
        try:
            return read(record.fields.get(column))
        except ValueError as error:
            raise self._error(record, column, str(error)) from error

    def _error(self, record: LogRecord, column: str, message: str) -> ReplayError:
        return ReplayError(f"{self._name}:{record.line}: {column}: {message}")

    def _check_columns(self) -> None:
        """Refuse a map with a column that is empty in all rows."""
        known = list(dict.fromkeys(column for record in self._records for column in record.fields))
        mapped: list[tuple[str, str | float | None]] = [
            ("action", self._columns.action),
            ("reward", self._columns.reward),
            ("propensity", self._columns.propensity),
            ("time", self._columns.time),
            *((f"context[{place}]", column) for place, column in enumerate(self._columns.context or ())),
        ]
        problems = [
            f"{self._columns.name}: columns.{key}: Unknown or empty column {describe(column)} of {self._name}."
            f"{suggestion(column, known) or f' Use one of {_listed(known)}.'}"
            for key, column in mapped
            if isinstance(column, str) and column not in known
        ]
        if problems:
            raise ReplayError("\n".join(problems))


def _listed(names: Sequence[str] | Mapping[str, int]) -> str:
    listed = list(names)[:_MAX_LISTED]
    return ", ".join(listed) + (f" and {len(names) - len(listed)} more" if len(names) > len(listed) else "")


def _read_action(value: Any) -> str:
    return _action_id(str(value) if type(value) is int else value)


def _read_time(value: Any) -> Milliseconds:
    """Read ISO 8601 (UTC without a time zone), or seconds or milliseconds since the epoch."""
    try:
        since = float(value)
        ms = round(since if since > 1e11 else since * 1000)
    except (TypeError, ValueError, OverflowError):
        ms = _read_iso_time(value)
    if ms >= _FIRST_TIME:
        return ms
    raise ValueError(mismatch("a time after 1970-01-01", value))


def _read_iso_time(value: Any) -> Milliseconds:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        expected = "a time in ISO 8601, or in seconds or milliseconds since the epoch"
        raise ValueError(mismatch(expected, value)) from error
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
