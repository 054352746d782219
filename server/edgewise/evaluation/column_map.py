"""The column map: which columns of a log have the action, the reward and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewise.config import values
from edgewise.config.messages import describe, mismatch
from edgewise.config.table import Table
from edgewise.config.toml_file import read_toml
from edgewise.errors import ReplayError

SECONDS_PER_ROW = 0.05
"""The time between two rows of a log without times. It is that of a small shop's busy hour: 20 decisions a second.

The pace determines how many rows pass until a reward window closes: 1,200 in the default window of 60 s. With a slower
pace, learning would look quicker than it is on a busy site. With a faster one, a log of some thousands of rows would
end before its first window closes.
"""

_column = values.label(256)
_UNKNOWN: str | float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """The columns of a log, by their meaning. `name` is the map's file name, for error messages.

    - `context`: None for all columns without another meaning.
    - `propensity`: a column, or one probability for all rows.
    - `time`: None for rows that are `seconds_per_row` apart.
    - `policy`: the policy file. None for a default policy with the log's actions.
    """

    name: str
    placement: str
    action: str
    reward: str
    propensity: str | float
    time: str | None
    context: tuple[str, ...] | None
    seconds_per_row: float
    policy: Path | None


def read_column_map(path: Path) -> ColumnMap:
    """Read a map from a TOML file.

    Raises:
        PolicyError: the file cannot be read, or is not TOML.
        ReplayError: the map is invalid. The message has one line for each problem.
    """
    file = Table(read_toml(path, path.name), "", [])
    columns = file.table("columns")
    read = ColumnMap(
        name=path.name,
        placement=file.take("placement", values.short_name, "", required=True),
        action=columns.take("action", _column, "", required=True),
        reward=columns.take("reward", _column, "", required=True),
        propensity=columns.take("propensity", _read_column_or_probability, _UNKNOWN, required=True),
        time=columns.take("time", _column, None),
        context=columns.take("context", _read_columns, None),
        seconds_per_row=file.take("seconds_per_row", values.number_from(0.00001, 3600), SECONDS_PER_ROW),
        policy=file.take("policy", lambda value: path.parent / _column(value), None),
    )
    _report_duplicates(columns, read)
    columns.report_unknown_keys()
    file.report_unknown_keys()
    if read.time is not None and "seconds_per_row" in file.entries:
        file.report(
            "seconds_per_row",
            f"Both seconds_per_row and columns.time ({describe(read.time)}) are set. Remove one of them.",
        )
    if file.problems:
        raise ReplayError("\n".join(f"{path.name}: {problem.path}: {problem.message}" for problem in file.problems))
    return read


def _report_duplicates(columns: Table, read: ColumnMap) -> None:
    """Report columns with two meanings. The context must not contain the logged action or its reward."""
    meanings: dict[str | float | None, str] = {}
    for key in ("action", "reward", "propensity", "time"):
        column = getattr(read, key)
        if isinstance(column, str) and meanings.setdefault(column, key) != key and column:
            columns.report(key, _duplicate(column, meanings[column]))
    for column in read.context or ():
        if column in meanings:
            columns.report("context", _duplicate(column, meanings[column]))


def _duplicate(column: str, first: str) -> str:
    return f"Column {describe(column)} is already used as columns.{first}. Use another one."


def read_probability(value: Any) -> float:
    if 0 < (probability := values.number(value)) <= 1:
        return probability
    raise ValueError(mismatch("a probability above 0 and at most 1", value))


def _read_column_or_probability(value: Any) -> str | float:
    return _column(value) if isinstance(value, str) else read_probability(value)


def _read_columns(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(map(_column, value))
    raise ValueError(mismatch("a list of columns", value))
