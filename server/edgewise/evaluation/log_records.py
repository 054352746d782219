"""Log records: the rows of a CSV or NDJSON file."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

import msgspec

from edgewise.errors import ReplayError

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
"""A number in JSON's format. `007` and a code of thirty digits are texts."""


class LogRecord(NamedTuple):
    """One row: its line in the file, and the columns with a value."""

    line: int
    fields: Mapping[str, Any]


def read_records(path: Path, texts: Collection[str] = ()) -> list[LogRecord]:
    """Read a .csv, .ndjson or .jsonl file, or one of them with .gz.

    The first line of a CSV file names the columns. Columns without a name and empty cells are left out. A cell in the
    format of a number becomes a number, except in the columns in `texts`.

    Raises:
        ReplayError: the file cannot be read, or has another format than its name. The message has the line.
    """
    read = _READERS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if read is None:
        raise ReplayError(
            f"{path.name}: Unknown file type. Use a .csv, .ndjson or .jsonl file, or one of them with .gz."
        )
    try:
        with _open(path) as file:
            return list(read(file, path.name, texts))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ReplayError(f"{path.name}: Expected gzip because of its name: {error}. Pack or rename it.") from error
    except OSError as error:
        raise ReplayError(f"{path.name}: Cannot read the file: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ReplayError(f"{path.name}: Expected UTF-8, found the byte 0x{error.object[error.start]:02x}.") from error


def _open(path: Path) -> TextIO:
    # A spreadsheet begins its UTF-8 with a byte order mark.
    if path.name.lower().endswith(".gz"):
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _csv(file: TextIO, name: str, texts: Collection[str]) -> Iterator[LogRecord]:
    reader = csv.reader(file, strict=True)
    try:
        columns = next(reader, [])
        if repeated := [column for column in columns if column and columns.count(column) > 1]:
            raise ReplayError(f"{name}:1: Duplicate column {repeated[0]!r}. Rename one of them.")
        for cells in reader:
            if cells and len(cells) != len(columns):
                raise ReplayError(f"{name}:{reader.line_num}: Expected {len(columns)} cells, found {len(cells)}.")
            if cells:
                yield LogRecord(reader.line_num, dict(_values(zip(columns, cells, strict=True), texts)))
    except csv.Error as error:
        raise ReplayError(f"{name}:{reader.line_num}: Expected CSV, found a syntax error: {error}.") from error


def _values(cells: Iterable[tuple[str, str]], texts: Collection[str]) -> Iterator[tuple[str, Any]]:
    for column, cell in cells:
        if column and cell:
            number = None if column in texts else _NUMBER.fullmatch(cell)
            yield column, cell if number is None else float(cell) if number[2] or number[3] else int(cell)


def _ndjson(file: TextIO, name: str, _: Collection[str]) -> Iterator[LogRecord]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line, text in enumerate(file, 1):
        if not text.isspace():
            try:
                yield LogRecord(line, {column: value for column, value in decode(text).items() if value is not None})
            except (msgspec.DecodeError, RecursionError) as error:
                raise ReplayError(f"{name}:{line}: Expected a JSON object, found another value: {error}.") from error


_READERS = {".csv": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson}
