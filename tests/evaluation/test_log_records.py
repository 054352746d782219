"""Log files in all formats, valid and damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from edgewise.errors import ReplayError
from edgewise.evaluation.log_records import LogRecord, read_records

CSV = 'age,city,code,shown,paid\n41,"Bonn, am Rhein",007,14,0.5\n\n,Köln,1e2,a,-3\n'
NDJSON = """{"age": 41, "city": "Bonn, am Rhein", "code": "007", "shown": "14", "paid": 0.5}

{"age": null, "city": "Köln", "code": 100.0, "shown": "a", "paid": -3}
"""


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def error_of(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(ReplayError) as raised:
        read_records(file(folder, name, content))
    return str(raised.value)


def test_csv_and_ndjson_give_the_same_records(tmp_path: Path) -> None:
    from_csv = read_records(file(tmp_path, "log.csv", CSV), ["shown"])
    assert from_csv == [
        LogRecord(2, {"age": 41, "city": "Bonn, am Rhein", "code": "007", "shown": "14", "paid": 0.5}),
        LogRecord(4, {"city": "Köln", "code": 100.0, "shown": "a", "paid": -3}),
    ]
    from_ndjson = read_records(file(tmp_path, "log.ndjson", NDJSON))
    assert [record.fields for record in from_ndjson] == [record.fields for record in from_csv]
    assert [record.line for record in from_ndjson] == [1, 3]


@pytest.mark.parametrize("name", ["log.csv", "log.ndjson", "LOG.JSONL"])
def test_a_gzipped_log_gives_the_same_records(tmp_path: Path, name: str) -> None:
    content = CSV if name == "log.csv" else NDJSON
    plain = read_records(file(tmp_path, name, content))
    assert read_records(file(tmp_path, f"{name}.gz", gzip.compress(content.encode()))) == plain


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    (record,) = read_records(file(tmp_path, "log.csv", "\ufeffage\r\n41\r\n"))
    assert record.fields == {"age": 41}


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    (record,) = read_records(file(tmp_path, "log.csv", ",age\n0,41\n"))
    assert record.fields == {"age": 41}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", "a,b\n1,2\n1\n", "log.csv:3: Expected 2 cells, found 1."),
        ("log.csv", "a,b,a\n1,2,3\n", "log.csv:1: Duplicate column 'a'."),
        ("log.csv", 'a\n"1"2\n', "log.csv:2: Expected CSV, found a syntax error"),
        ("log.csv", b"a\n\xff\n", "log.csv: Expected UTF-8, found the byte 0xff."),
        ("log.ndjson", '{"a": 1}\n{"a": \n', "log.ndjson:2: Expected a JSON object"),
        ("log.ndjson", "[1]\n", "log.ndjson:1: Expected a JSON object"),
        ("log.csv.gz", "a\n1\n", "log.csv.gz: Expected gzip because of its name"),
        ("log.csv.gz", gzip.compress(b"a\n" * 999, mtime=0)[:-9], "log.csv.gz: Expected gzip because of its name"),
        ("log.parquet", "", "log.parquet: Unknown file type. Use a .csv, .ndjson or .jsonl file"),
    ],
)
def test_an_invalid_file_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    assert error_of(tmp_path, name, content).startswith(message)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"^log\.csv: Cannot read the file: No such file"):
        read_records(tmp_path / "log.csv")
