from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgewise.commands.customer_file import Row, WrongRow, read_rows
from edgewise.config.toml_file import find_wide_encoding
from edgewise.errors import EdgewiseError


def read(path: Path, content: str | bytes, column: str = "id") -> list[Row | WrongRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, column))


def summaries(rows: list[Row | WrongRow]) -> list[tuple[object, ...]]:
    return [(row.line, row.id, row.traits) if isinstance(row, Row) else (row.line, row.problem) for row in rows]


def test_csv_cells_get_types_and_empty_cells_set_no_trait(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", "id,plan,age,zip,vip,score\nann,pro,41,01067,true,0.5\nbob,,,,,\n")
    assert summaries(rows) == [
        (2, "ann", {"plan": "pro", "age": 41, "zip": "01067", "vip": True, "score": 0.5}),
        (3, "bob", {}),
    ]


def test_ndjson_values_keep_their_types(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.ndjson", '{"mail": 7, "age": "41", "gone": null}\n\n{"mail": "x", "vip": false}', "mail")
    assert summaries(rows) == [(1, "7", {"age": "41", "gone": None}), (3, "x", {"vip": False})]


def test_csv_may_have_quoted_newlines_and_a_byte_order_mark(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", b'\xef\xbb\xbfid,note\r\nann,"a\nb"\r\nbob,c\r\n')
    assert summaries(rows) == [(2, "ann", {"note": "a\nb"}), (4, "bob", {"note": "c"})]


def test_unclosed_quote_skips_few_rows_and_names_them(tmp_path: Path) -> None:
    """Without a limit, the quote would swallow all following rows."""
    rows = read(tmp_path / "a.csv", 'id,plan\nann,pro\n"bob,pro\n' + "".join(f"user {n},pro\n" for n in range(2000)))
    first, wrong, *others = rows
    assert isinstance(first, Row)
    assert isinstance(wrong, WrongRow)
    assert wrong.line == 3
    swallowed = 2000 - len(others)
    assert swallowed < 500
    assert wrong.problem == (
        f"Expected CSV: field larger than field limit (4096) in lines 3 to {3 + swallowed}, which one quote spans."
    )
    assert [row.line for row in others] == list(range(4 + swallowed, 2004))


def test_unclosed_quote_at_the_end_is_reported(tmp_path: Path) -> None:
    _, wrong = read(tmp_path / "a.csv", 'id,plan\nann,pro\n"bob,pro\ncarl,pro\n')
    assert isinstance(wrong, WrongRow)
    assert (wrong.line, wrong.problem) == (
        3,
        "Expected 2 cells as in the header, found 1 in lines 3 to 4, which one quote spans.",
    )


def test_unreadable_header_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        EdgewiseError, match=r"a\.csv:1: Expected the names of the columns: field larger than field limit"
    ):
        read(tmp_path / "a.csv", "id," + "x" * 5000)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[1]", "Expected a JSON object, found a list."),
        ("{", "Expected a JSON object: "),
        ("[" * 100_000, "Expected a JSON object: "),
        ("9" * 5000, "Expected a JSON object: "),
        ('{"plan": "pro"}', "id: Expected an id"),
        ('{"id": "", "plan": "pro"}', "id: Expected an id"),
        ('{"id": true}', "id: Expected an id"),
        ('{"id": "x\\u0000"}', "id: Expected an id"),
        ('{"id": "x\\ud800"}', "id: Expected an id"),
        ('{"id": "x", "a": "\\ud800"}', "traits.a: Expected a text in Unicode"),
        ('{"id": "x", "a": NaN}', "traits.a: Expected a number from -2^53 to 2^53, found nan."),
        ('{"id": "x", "a": 1e400}', "traits.a: Expected a number from -2^53 to 2^53, found inf."),
        (
            '{"id": "x", "a": {}}',
            "traits.a: Expected a text, a number, true, false, null or a list, found an object.",
        ),
        ('{"id": "x", "a": "' + "y" * (1 << 20) + '"}', "Expected a line of at most 1048576 bytes"),
    ],
)
def test_wrong_line_is_reported_and_others_are_read(tmp_path: Path, line: str, problem: str) -> None:
    first, wrong, last = read(tmp_path / "a.ndjson", '{"id": "a"}\n' + line + '\n{"id": "b"}\n')
    assert isinstance(first, Row)
    assert isinstance(wrong, WrongRow)
    assert isinstance(last, Row)
    assert (wrong.line, last.line, last.id) == (2, 3, "b")
    assert wrong.problem.startswith(problem)


def test_row_of_another_width_or_invalid_utf_8_is_reported(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", b"id,plan\nann,pro,x\nbob,\xff\ncarl,pro\n")
    assert summaries(rows) == [
        (2, "Expected 2 cells as in the header, found 3."),
        (3, "traits.plan: Expected a text in Unicode, found half of a surrogate pair."),
        (4, "carl", {"plan": "pro"}),
    ]


@pytest.mark.parametrize("header", ["", "name,plan\n", "id,id\n"])
def test_header_without_the_id_column_is_an_error(tmp_path: Path, header: str) -> None:
    with pytest.raises(EdgewiseError, match=r"a\.csv:1: Expected a column 'id' and no repeated names"):
        read(tmp_path / "a.csv", header)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EdgewiseError, match=r"none\.csv: Cannot read the file: No such file"):
        list(read_rows(tmp_path / "none.csv", "id"))


@given(content=st.binary(max_size=200), header=st.booleans())
def test_any_file_content_becomes_rows_or_problems(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, header: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assume(header or find_wide_encoding(content) is None)
    for row in read(folder / "any.csv", b"id,a\n" + content) if header else read(folder / "any.ndjson", content):
        assert row.line >= 1
        if isinstance(row, Row):
            json.dumps(row.traits, allow_nan=False).encode()


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_a_file_in_utf16_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(EdgewiseError, match=r"Expected UTF-8, found UTF-16\. Save the file as UTF-8\."):
        read(tmp_path / name, "id,plan\nann,pro\n".encode("utf-16"))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_file_with_other_separators_is_an_error(tmp_path: Path, separator: str) -> None:
    with pytest.raises(EdgewiseError, match=r"Save the file with commas between the columns\.$"):
        read(tmp_path / "a.csv", f"id{separator}plan\nann{separator}pro\n")
