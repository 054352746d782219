"""A map: which column of a log means what."""

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
"""For a log without times: twenty decisions a second, the pace of a small shop's busy hour.

The pace says how many rows pass before a window closes and its reward is known: 1,200 of them in the default window of
60 s. At a slower pace learning would look quicker than it is on a busy site; at a faster one a log of some thousands of
rows would be over before its first window closed.
"""

_column = values.label(256)
_UNKNOWN: str | float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMap:
    """Where in a row of a log everything stands.

    `context` is None for all columns without another meaning. `propensity` is a column, or the one probability with
    which every action was logged. `time` is None where rows come every `seconds_per_row`. `policy` is the file of the
    policy that is to decide; None where one is to be made of the actions in the log. `name` stands for the map's file
    in error messages.
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


def read_map(path: Path) -> RowMap:
    """The map in this TOML file.

    Raises:
        PolicyError: the file cannot be read, or is not TOML.
        ReplayError: it says something that a map cannot be; a line for each problem.
    """
    file = Table(read_toml(path, path.name), "", [])
    columns = file.table("columns")
    read = RowMap(
        name=path.name,
        placement=file.take("placement", values.short_name, "", required=True),
        action=columns.take("action", _column, "", required=True),
        reward=columns.take("reward", _column, "", required=True),
        propensity=columns.take("propensity", _a_column_or_probability, _UNKNOWN, required=True),
        time=columns.take("time", _column, None),
        context=columns.take("context", _some_columns, None),
        seconds_per_row=file.take("seconds_per_row", values.number_from(0.00001, 3600), SECONDS_PER_ROW),
        policy=file.take("policy", lambda value: path.parent / _column(value), None),
    )
    _refuse_second_meanings(columns, read)
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


def _refuse_second_meanings(columns: Table, read: RowMap) -> None:
    """What came of a decision, or was decided, must not be known when it is decided again."""
    meanings: dict[str | float | None, str] = {}
    for key in ("action", "reward", "propensity", "time"):
        column = getattr(read, key)
        if isinstance(column, str) and meanings.setdefault(column, key) != key and column:
            columns.report(key, _second_meaning(column, meanings[column]))
    for column in read.context or ():
        if column in meanings:
            columns.report("context", _second_meaning(column, meanings[column]))


def _second_meaning(column: str, first: str) -> str:
    return f"Column {describe(column)} is already used as columns.{first}. Use another one."


def a_probability(value: Any) -> float:
    """A number above 0 and up to 1."""
    if 0 < (probability := values.number(value)) <= 1:
        return probability
    raise ValueError(mismatch("a probability above 0 and at most 1", value))


def _a_column_or_probability(value: Any) -> str | float:
    return _column(value) if isinstance(value, str) else a_probability(value)


def _some_columns(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(map(_column, value))
    raise ValueError(mismatch("a list of columns", value))
