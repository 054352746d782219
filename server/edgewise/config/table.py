"""A table of a TOML file: its reader collects every problem, each with its key path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from edgewise.config.messages import describe, duplicate, mismatch, missing, unknown
from edgewise.config.values import mapping
from edgewise.errors import Problem

T = TypeVar("T")

MOVE_TO_TOP = "Move it to the top of the file, above the first [table]."

_BARE_KEY = re.compile(r"[A-Za-z0-9_$-]+")


class Table:
    """The table at `path`. Reading adds each problem to `problems` and continues, to find all of them.

    `file_keys` are the keys read so far from the top of the file. None means that this table is the file.
    """

    def __init__(
        self, entries: Mapping[str, Any], path: str, problems: list[Problem], file_keys: list[str] | None = None
    ) -> None:
        self.entries = entries
        self.path = path
        self.problems = problems
        self._known_keys: list[str] = []
        self._file_keys = self._known_keys if file_keys is None else file_keys

    def take(self, key: str, read: Callable[[Any], T], default: T, *, required: bool = False) -> T:
        """The value of `key`, converted by `read`. The default replaces a missing or invalid value."""
        self._known_keys.append(key)
        if key not in self.entries:
            if required:
                self.report(key, missing("key", f"Add `{key}`."))
            return default
        try:
            return read(self.entries[key])
        except ValueError as error:
            self.report(key, str(error))
            return default

    def take_all(self, read_key: Callable[[Any], str], read: Callable[[Any], T], *, most: int) -> dict[str, T]:
        """Every entry, for a table whose author chooses the keys."""
        if len(self.entries) > most:
            self.problems.append(Problem(self.path, mismatch(f"at most {most} entries", len(self.entries))))
        taken = {}
        for key, value in self.entries.items():
            try:
                taken[read_key(key)] = read(value)
            except ValueError as error:
                self.report(key, str(error))
        return taken

    def table(self, key: str) -> Table:
        """The table at `key`. It is empty when the value is missing or invalid."""
        return Table(self.take(key, mapping, {}), child(self.path, key), self.problems, self._file_keys)

    def tables(self, key: str, *, required: bool = False) -> list[Table]:
        """The list of tables at `key`, without the elements that are not tables."""
        path, tables = child(self.path, key), []
        empty: list[Any] = []
        for index, entry in enumerate(self.take(key, _list_of_tables, empty, required=required)):
            if isinstance(entry, dict):
                tables.append(Table(entry, child(path, index), self.problems, self._file_keys))
            else:
                self.problems.append(Problem(child(path, index), mismatch("a table", entry)))
        return tables

    def report(self, key: str, message: str) -> None:
        """Add a problem with the value of `key`."""
        self.problems.append(Problem(child(self.path, key), message))

    def report_unknown_keys(self) -> None:
        """Add a problem for each key that no earlier call has read."""
        for key in self.entries:
            if key in self._known_keys:
                continue
            if key in self._file_keys:
                self.report(key, f"Unknown key {describe(key)} in this table. {MOVE_TO_TOP}")
            else:
                self.report(key, unknown("key", key, self._known_keys))


def child(path: str, key: str | int) -> str:
    """The key path of an entry below `path`, such as `actions[1].when["device.type"].$in`. The file's path is empty."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _BARE_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def find_duplicates(thing: str, names: Iterable[tuple[str, str]]) -> list[Problem]:
    """A problem for each (name, path) whose name already occurred. `thing` is the kind of name."""
    first: dict[str, str] = {}
    problems = []
    for name, path in names:
        if name in first:
            problems.append(Problem(path, duplicate(thing, name, first[name])))
        first.setdefault(name, path)
    return problems


def _list_of_tables(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError(mismatch("a list of tables", value))
