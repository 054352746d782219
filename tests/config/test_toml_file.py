from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgewise.config import toml_file
from edgewise.config.toml_file import parse_toml, read_toml
from edgewise.errors import PolicyError


@pytest.mark.parametrize(
    ("source", "path", "message"),
    [
        (b"a = 1\nb = \n", "x.toml:2:5", "Invalid TOML: Invalid value. Write texts in straight quotes"),
        (b"a = 1\na = 2\n", "x.toml:2:6", "Invalid TOML: Cannot overwrite a value"),
        (b"\n\na = [1,\n\n", "x.toml:3", "Invalid TOML: Invalid value at the end of the file."),
        (b"[actions]\n[[actions]]\n", "x.toml:2:10", "Invalid TOML: Cannot overwrite a value. Write each key once."),
        (
            b'a = "b\n',
            "x.toml:1:7",
            r"Invalid TOML: Illegal character '\n'. Close the quotes",
        ),
        (b"$click = 1\n", "x.toml:1:1", "Invalid TOML: Invalid statement. Write it as `key = value`, with straight"),
        (b"a = 5%\n", "x.toml:1:6", "Invalid TOML: Expected newline or end of document after a statement. Write each"),
        (b"a = 1\nb = '\xff'\n", "x.toml:2", "Expected UTF-8, found the byte 0xff. Save the file as UTF-8."),
        (b"a = " + b"[" * 5000, "x.toml", "Invalid TOML: lists or tables are nested too deeply."),
        (b"a = " + b"9" * 5000, "x.toml", "Invalid TOML: A whole number has thousands of digits."),
        (b"\0" * 500, "x.toml", "The file has only NUL bytes, as after a crash while it was saved. Save it again."),
        (b"\0", "x.toml", "The file has only NUL bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_invalid_toml_is_rejected_with_its_line(source: bytes, path: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_toml(source, "x.toml")
    (problem,) = caught.value.problems
    assert problem.path == path
    assert problem.message.startswith(message)


def test_an_unreadable_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"x\.toml: Cannot read the file: No such file or directory\."):
        read_toml(tmp_path / "x.toml", "x.toml")


def test_a_large_file_is_rejected_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml_file, "LARGEST_FILE", 10)
    (tmp_path / "x.toml").write_text("a = 123456789")
    with pytest.raises(PolicyError, match=r"Expected a file of at most 10 bytes, found 13 bytes\."):
        read_toml(tmp_path / "x.toml", "x.toml")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_files_of_other_editors_are_read(mark: bytes, ends: str) -> None:
    source = mark + ends.join(["# größen", 'a = "ß"', "[b]", "c = 1", ""]).encode()
    assert parse_toml(source, "x.toml") == {"a": "ß", "b": {"c": 1}}


@pytest.mark.parametrize(
    ("codec", "name"),
    [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32", "UTF-32")],
)
def test_a_file_in_another_unicode_encoding_is_rejected(codec: str, name: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_toml("a = 1\n".encode(codec), "x.toml")
    message = f"Expected UTF-8, found {name}. Save the file as UTF-8: editors ask for the encoding in Save As."
    assert caught.value.problems == [("x.toml", message)]


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")  # To read it would wait for a writer.
    (tmp_path / "folder.toml").mkdir()
    for path in tmp_path.iterdir():
        with pytest.raises(PolicyError, match="Expected a file, found a folder or a device"):
            read_toml(path, path.name)
