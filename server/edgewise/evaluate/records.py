"""Records: the rows of a log, as a CSV or NDJSON file has them."""

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
"""A number as JSON writes it: `007` is none, nor is a code of thirty digits."""


class Record(NamedTuple):
    """One row: its line in the file, and the columns that have a value."""

    line: int
    fields: Mapping[str, Any]


def read_records(path: Path, texts: Collection[str] = ()) -> list[Record]:
    """The rows of a file whose name ends in .csv, .ndjson or .jsonl, with .gz after it where it is packed.

    A CSV file's first line names its columns; those without a name are left out, as is an empty cell. A cell that
    reads as a number is one, but in the columns in `texts`.

    Raises:
        ReplayError: the file cannot be read, or is not what its name says; says in which line.
    """
    read = _READERS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if read is None:
        raise ReplayError(
            f"{path.name}: found this name, expected one that ends in .csv, .ndjson or .jsonl (or .gz after that)"
        )
    try:
        with _opened(path) as file:
            return list(read(file, path.name, texts))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ReplayError(f"{path.name}: expected gzip, as its name says: {error}") from error
    except OSError as error:
        raise ReplayError(f"{path.name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ReplayError(f"{path.name}: found the byte 0x{error.object[error.start]:02x}, expected UTF-8") from error


def _opened(path: Path) -> TextIO:
    # A spreadsheet begins its UTF-8 with a byte order mark.
    if path.name.lower().endswith(".gz"):
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _csv(file: TextIO, name: str, texts: Collection[str]) -> Iterator[Record]:
    reader = csv.reader(file, strict=True)
    try:
        columns = next(reader, [])
        if repeated := [column for column in columns if column and columns.count(column) > 1]:
            raise ReplayError(f"{name}:1: found the column {repeated[0]!r} twice, expected it once")
        for cells in reader:
            if cells and len(cells) != len(columns):
                raise ReplayError(f"{name}:{reader.line_num}: found {len(cells)} cells, expected {len(columns)}")
            if cells:
                yield Record(reader.line_num, dict(_valued(zip(columns, cells, strict=True), texts)))
    except csv.Error as error:
        raise ReplayError(f"{name}:{reader.line_num}: expected CSV: {error}") from error


def _valued(cells: Iterable[tuple[str, str]], texts: Collection[str]) -> Iterator[tuple[str, Any]]:
    for column, cell in cells:
        if column and cell:
            number = None if column in texts else _NUMBER.fullmatch(cell)
            yield column, cell if number is None else float(cell) if number[2] or number[3] else int(cell)


def _ndjson(file: TextIO, name: str, _: Collection[str]) -> Iterator[Record]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line, text in enumerate(file, 1):
        if not text.isspace():
            try:
                yield Record(line, {column: value for column, value in decode(text).items() if value is not None})
            except (msgspec.DecodeError, RecursionError) as error:
                raise ReplayError(f"{name}:{line}: expected a JSON object: {error}") from error


_READERS = {".csv": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson}
