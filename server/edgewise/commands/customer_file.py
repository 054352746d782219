"""The customer file on disk: rows of traits in CSV or NDJSON, one visitor a row. What is wrong with a row is told."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from edgewise.errors import EdgewiseError
from edgewise.visitors.trait_checks import problems_of

MAX_ID = 256
T = TypeVar("T")

_LONGEST_LINE = 1 << 20
_LONGEST_CELL = 4096
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
_WORDS = {"true": True, "false": False}


class Row(NamedTuple):
    """One visitor's traits, the number of the line on which they begin, and how many bytes were read to their end."""

    line: int
    read: int
    id: str
    traits: Mapping[str, Any]


class WrongRow(NamedTuple):
    """A row that is left out, and why."""

    line: int
    read: int
    problem: str


def read_rows(path: Path, column: str) -> Iterator[Row | WrongRow]:
    """The rows of a file, in order, a line at a time. `column` holds the ids, all others are traits.

    In CSV (.csv) an empty cell tells nothing, `true`, `false` and numbers without leading zeros are what they look
    like, all else is text. In NDJSON (any other name) values are what they are, and null forgets a trait.

    Raises:
        EdgewiseError: the file cannot be read, or its header has no such column.
    """
    try:
        with path.open("rb") as file:
            yield from (_csv_rows if path.suffix.lower() == ".csv" else _json_rows)(path, file, column)
    except OSError as error:
        raise EdgewiseError(f"{path}: found no file that can be read: {error.strerror}") from error


def _json_rows(path: Path, file: BinaryIO, column: str) -> Iterator[Row | WrongRow]:
    line, read = 0, 0
    while data := file.readline(_LONGEST_LINE):
        line, read = line + 1, read + len(data)
        if len(data) == _LONGEST_LINE and not data.endswith(b"\n"):
            while data and not data.endswith(b"\n"):
                data = file.readline(_LONGEST_LINE)
                read += len(data)
            yield WrongRow(line, read, f"found more than {_LONGEST_LINE} bytes, expected a shorter line")
        elif data.strip():
            try:
                fields = json.loads(data)
            except (ValueError, RecursionError) as error:
                yield WrongRow(line, read, f"expected a JSON object: {error}")
                continue
            yield _row(line, read, column, fields)


def _csv_rows(path: Path, file: BinaryIO, column: str) -> Iterator[Row | WrongRow]:
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        while data := file.readline():
            read += len(data)
            yield data.decode("utf-8-sig" if read == len(data) else "utf-8", "surrogateescape")

    rows = csv.reader(lines())
    try:
        header = _cells(rows, [])
    except csv.Error as error:
        raise EdgewiseError(f"{path}:1: expected the names of columns: {error}") from error
    if column not in header or len(set(header)) < len(header):
        raise EdgewiseError(
            f"{path}:1: found the columns {', '.join(header)}, expected {column!r} among them, each once"
        )
    while True:
        begin = rows.line_num + 1
        try:
            cells = _cells(rows, None)
        except csv.Error as error:
            yield WrongRow(begin, read, f"expected CSV: {error}{_reach(begin, rows.line_num)}")
            continue
        if cells is None:
            return
        if len(cells) not in (0, len(header)):
            found = f"found {len(cells)} cells, expected {len(header)} as in the header"
            yield WrongRow(begin, read, found + _reach(begin, rows.line_num))
        elif cells:
            told = {name: _typed(cell) for name, cell in zip(header, cells, strict=True) if cell and name != column}
            yield _row(begin, read, column, told | {column: cells[header.index(column)]})


def _cells(rows: Iterator[list[str]], end: T) -> list[str] | T:
    """The next row. A quote that nobody closes takes no more of the rows after it than a cell may have."""
    usual = csv.field_size_limit(_LONGEST_CELL)
    try:
        return next(rows, end)
    finally:
        csv.field_size_limit(usual)


def _reach(begin: int, end: int) -> str:
    """What is left out goes on where a quote is not closed."""
    return f", in lines {begin} to {end}, which a quote holds together" if end > begin else ""


def _row(line: int, read: int, column: str, fields: Any) -> Row | WrongRow:
    if not isinstance(fields, dict):
        return WrongRow(line, read, f"found a value of type {type(fields).__name__}, expected a JSON object")
    traits = {name: value for name, value in fields.items() if name != column}
    id = fields.get(column)
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    if not isinstance(id, str) or not 1 <= len(id) <= MAX_ID or not id.isprintable():
        return WrongRow(line, read, f"{column}: expected an id, text of 1 to {MAX_ID} printable characters")
    if problems := problems_of(traits):
        return WrongRow(line, read, "; ".join(f"{problem.path}: {problem.message}" for problem in problems))
    return Row(line, read, id, traits)


def _typed(cell: str) -> Any:
    if _NUMBER.fullmatch(cell):
        return float(cell) if "." in cell else int(cell)
    return _WORDS.get(cell, cell)
