"""A table of a TOML file that is being read: it gives values and gathers what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from edgewise.config.keypath import child
from edgewise.config.values import a_table, found, nearest
from edgewise.errors import Problem

T = TypeVar("T")


class Table:
    """The table at `path`. Every problem found in it is added to `problems`; reading goes on, to find them all."""

    def __init__(self, entries: Mapping[str, Any], path: str, problems: list[Problem]) -> None:
        self.entries = entries
        self.path = path
        self.problems = problems
        self._asked_for: list[str] = []

    def take(self, key: str, read: Callable[[Any], T], default: T, *, required: bool = False) -> T:
        """The value under `key`, as `read` makes it; `default` when it is absent or wrong."""
        self._asked_for.append(key)
        if key not in self.entries:
            if required:
                self.refuse(key, "is missing, and it is required")
            return default
        try:
            return read(self.entries[key])
        except ValueError as error:
            self.refuse(key, str(error))
            return default

    def take_all(self, read_key: Callable[[Any], str], read: Callable[[Any], T], *, most: int) -> dict[str, T]:
        """Every entry, for a table whose keys are the author's own."""
        if len(self.entries) > most:
            self.problems.append(Problem(self.path, f"found {len(self.entries)} entries, expected at most {most}"))
        taken = {}
        for key, value in self.entries.items():
            try:
                taken[read_key(key)] = read(value)
            except ValueError as error:
                self.refuse(key, str(error))
        return taken

    def table(self, key: str) -> Table:
        """The table under `key`; an empty one when it is absent or wrong."""
        return Table(self.take(key, a_table, {}), child(self.path, key), self.problems)

    def tables(self, key: str, *, required: bool = False) -> list[Table]:
        """The list of tables under `key`, less those that are none."""
        path, tables = child(self.path, key), []
        nothing: list[Any] = []
        for index, entry in enumerate(self.take(key, _list_of_tables, nothing, required=required)):
            if isinstance(entry, dict):
                tables.append(Table(entry, child(path, index), self.problems))
            else:
                self.problems.append(Problem(child(path, index), f"found {found(entry)}, expected a table"))
        return tables

    def refuse(self, key: str, message: str) -> None:
        self.problems.append(Problem(child(self.path, key), message))

    def refuse_unknown_keys(self) -> None:
        """To be called last: whatever was not asked for has no place here."""
        for key in self.entries:
            if key in self._asked_for:
                continue
            hint = nearest(key, self._asked_for)
            self.refuse(key, f"found an unknown key, expected one of {', '.join(self._asked_for)}{hint}")


def _list_of_tables(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError(f"found {found(value)}, expected a list of tables")
