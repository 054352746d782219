"""Reads the customer file of `edgewise import`: CSV or NDJSON, one visitor for each row."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from edgewise.config.messages import json_noun
from edgewise.config.toml_file import find_wide_encoding
from edgewise.errors import EdgewiseError
from edgewise.visitors.traits import check_traits

MAX_ID = 256
T = TypeVar("T")

_LONGEST_LINE = 1 << 20
_LONGEST_CELL = 4096
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
_WORDS = {"true": True, "false": False}


class Row(NamedTuple):
    """One visitor's traits. `line` is the first line of the row, `read` the number of bytes read up to its end."""

    line: int
    read: int
    id: str
    traits: Mapping[str, Any]


class WrongRow(NamedTuple):
    """A row that is skipped because of `problem`."""

    line: int
    read: int
    problem: str


def read_rows(path: Path, column: str) -> Iterator[Row | WrongRow]:
    """Yield the rows of a file in order. `column` holds the ids, and every other column is a trait.

    In CSV (.csv), an empty cell sets no trait. `true`, `false` and numbers without leading zeros get their types, and
    everything else is text. In NDJSON (any other name), null removes a trait.

    Raises:
        EdgewiseError: the file cannot be read, or its header lacks the column.
    """
    try:
        with path.open("rb") as file:
            if (encoding := find_wide_encoding(file.read(4))) is not None:
                raise EdgewiseError(f"{path}: Expected UTF-8, found {encoding}. Save the file as UTF-8.")
            file.seek(0)
            yield from (_csv_rows if path.suffix.lower() == ".csv" else _json_rows)(path, file, column)
    except OSError as error:
        raise EdgewiseError(f"{path}: Cannot read the file: {error.strerror}. Check its path.") from error


def _json_rows(path: Path, file: BinaryIO, column: str) -> Iterator[Row | WrongRow]:
    line, read = 0, 0
    while data := file.readline(_LONGEST_LINE):
        line, read = line + 1, read + len(data)
        if len(data) == _LONGEST_LINE and not data.endswith(b"\n"):
            while data and not data.endswith(b"\n"):
                data = file.readline(_LONGEST_LINE)
                read += len(data)
            yield WrongRow(line, read, f"Expected a line of at most {_LONGEST_LINE} bytes, found a longer one.")
        elif data.strip():
            try:
                fields = json.loads(data)
            except (ValueError, RecursionError) as error:
                yield WrongRow(line, read, f"Expected a JSON object: {error}.")
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
        raise EdgewiseError(f"{path}:1: Expected the names of the columns: {error}.") from error
    if column not in header or len(set(header)) < len(header):
        raise EdgewiseError(
            f"{path}:1: Expected a column {column!r} and no repeated names, found {', '.join(header)}. "
            f"{_header_advice(header)}"
        )
    while True:
        begin = rows.line_num + 1
        try:
            cells = _cells(rows, None)
        except csv.Error as error:
            yield WrongRow(begin, read, f"Expected CSV: {error}{_lines(begin, rows.line_num)}.")
            continue
        if cells is None:
            return
        if len(cells) not in (0, len(header)):
            lines_of_row = _lines(begin, rows.line_num)
            problem = f"Expected {len(header)} cells as in the header, found {len(cells)}{lines_of_row}."
            yield WrongRow(begin, read, problem)
        elif cells:
            traits = {name: _typed(cell) for name, cell in zip(header, cells, strict=True) if cell and name != column}
            yield _row(begin, read, column, traits | {column: cells[header.index(column)]})


def _header_advice(header: list[str]) -> str:
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        return "Save the file with commas between the columns."
    return "Name the column of the ids with --id."


def _cells(rows: Iterator[list[str]], end: T) -> list[str] | T:
    """Read the next row. The limit of a cell bounds how many rows an unclosed quote can swallow."""
    usual = csv.field_size_limit(_LONGEST_CELL)
    try:
        return next(rows, end)
    finally:
        csv.field_size_limit(usual)


def _lines(begin: int, end: int) -> str:
    """Name the lines of a row that an unclosed quote has extended."""
    return f" in lines {begin} to {end}, which one quote spans" if end > begin else ""


def _row(line: int, read: int, column: str, fields: Any) -> Row | WrongRow:
    if not isinstance(fields, dict):
        return WrongRow(line, read, f"Expected a JSON object, found {json_noun(fields)}.")
    traits = {name: value for name, value in fields.items() if name != column}
    id = fields.get(column)
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    if not isinstance(id, str) or not 1 <= len(id) <= MAX_ID or not id.isprintable():
        return WrongRow(line, read, f"{column}: Expected an id of 1 to {MAX_ID} printable characters.")
    if problems := check_traits(traits):
        return WrongRow(line, read, " ".join(f"{problem.path}: {problem.message}" for problem in problems))
    return Row(line, read, id, traits)


def _typed(cell: str) -> Any:
    if _NUMBER.fullmatch(cell):
        return float(cell) if "." in cell else int(cell)
    return _WORDS.get(cell, cell)
