from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.commands.customer_file import Row, WrongRow, read_rows
from edgewise.errors import EdgewiseError


def read(path: Path, content: str | bytes, column: str = "id") -> list[Row | WrongRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, column))


def told(rows: list[Row | WrongRow]) -> list[tuple[object, ...]]:
    return [(row.line, row.id, row.traits) if isinstance(row, Row) else (row.line, row.problem) for row in rows]


def test_cells_are_what_they_look_like_and_empty_ones_tell_nothing(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", "id,plan,age,zip,vip,score\nann,pro,41,01067,true,0.5\nbob,,,,,\n")
    assert told(rows) == [
        (2, "ann", {"plan": "pro", "age": 41, "zip": "01067", "vip": True, "score": 0.5}),
        (3, "bob", {}),
    ]


def test_values_of_ndjson_are_what_they_are(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.ndjson", '{"mail": 7, "age": "41", "gone": null}\n\n{"mail": "x", "vip": false}', "mail")
    assert told(rows) == [(1, "7", {"age": "41", "gone": None}), (3, "x", {"vip": False})]


def test_a_quoted_cell_may_have_several_lines_and_a_mark_may_come_first(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", b'\xef\xbb\xbfid,note\r\nann,"a\nb"\r\nbob,c\r\n')
    assert told(rows) == [(2, "ann", {"note": "a\nb"}), (4, "bob", {"note": "c"})]


def test_a_quote_that_is_not_closed_takes_few_rows_with_it_and_they_are_named(tmp_path: Path) -> None:
    """Else all that follows would be one cell, and left out with it."""
    rows = read(tmp_path / "a.csv", 'id,plan\nann,pro\n"bob,pro\n' + "".join(f"user {n},pro\n" for n in range(2000)))
    first, wrong, *others = rows
    assert isinstance(first, Row)
    assert isinstance(wrong, WrongRow)
    assert wrong.line == 3
    swallowed = 2000 - len(others)
    assert swallowed < 500
    assert wrong.problem == (
        "expected CSV: field larger than field limit (4096)"
        f", in lines 3 to {3 + swallowed}, which a quote holds together"
    )
    assert [row.line for row in others] == list(range(4 + swallowed, 2004))


def test_a_quote_that_is_not_closed_at_the_end_is_told(tmp_path: Path) -> None:
    _, wrong = read(tmp_path / "a.csv", 'id,plan\nann,pro\n"bob,pro\ncarl,pro\n')
    assert isinstance(wrong, WrongRow)
    assert (wrong.line, wrong.problem) == (
        3,
        "found 1 cells, expected 2 as in the header, in lines 3 to 4, which a quote holds together",
    )


def test_a_header_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(EdgewiseError, match=r"a\.csv:1: expected the names of columns: field larger than field limit"):
        read(tmp_path / "a.csv", "id," + "x" * 5000)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[1]", "found a value of type list, expected a JSON object"),
        ("{", "expected a JSON object: "),
        ("[" * 100_000, "expected a JSON object: "),
        ("9" * 5000, "expected a JSON object: "),
        ('{"plan": "pro"}', "id: expected an id"),
        ('{"id": "", "plan": "pro"}', "id: expected an id"),
        ('{"id": true}', "id: expected an id"),
        ('{"id": "x\\u0000"}', "id: expected an id"),
        ('{"id": "x\\ud800"}', "id: expected an id"),
        ('{"id": "x", "a": "\\ud800"}', "traits.a: found text that is no Unicode"),
        ('{"id": "x", "a": NaN}', "traits.a: found nan, expected a number"),
        ('{"id": "x", "a": 1e400}', "traits.a: found inf, expected a number"),
        ('{"id": "x", "a": [1]}', "traits.a: found a value of type list"),
        ('{"id": "x", "a": "' + "y" * (1 << 20) + '"}', "found more than 1048576 bytes"),
    ],
)
def test_a_wrong_line_is_told_and_the_others_are_read(tmp_path: Path, line: str, problem: str) -> None:
    first, wrong, last = read(tmp_path / "a.ndjson", '{"id": "a"}\n' + line + '\n{"id": "b"}\n')
    assert isinstance(first, Row)
    assert isinstance(wrong, WrongRow)
    assert isinstance(last, Row)
    assert (wrong.line, last.line, last.id) == (2, 3, "b")
    assert wrong.problem.startswith(problem)


def test_a_row_of_another_width_or_no_utf_8_is_told(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", b"id,plan\nann,pro,x\nbob,\xff\ncarl,pro\n")
    assert told(rows) == [
        (2, "found 3 cells, expected 2 as in the header"),
        (3, "traits.plan: found text that is no Unicode (half of a surrogate pair), expected UTF-8"),
        (4, "carl", {"plan": "pro"}),
    ]


@pytest.mark.parametrize("header", ["", "name,plan\n", "id,id\n"])
def test_a_header_without_the_column_of_ids_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(EdgewiseError, match=r"a\.csv:1: found the columns .*, expected 'id' among them"):
        read(tmp_path / "a.csv", header)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgewiseError, match=r"none\.csv: found no file that can be read: No such file"):
        list(read_rows(tmp_path / "none.csv", "id"))


@given(content=st.binary(max_size=200), header=st.booleans())
def test_whatever_is_in_a_file_is_a_row_or_told(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, header: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for row in read(folder / "any.csv", b"id,a\n" + content) if header else read(folder / "any.ndjson", content):
        assert row.line >= 1
        if isinstance(row, Row):
            json.dumps(row.traits, allow_nan=False).encode()
