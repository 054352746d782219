from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.config import toml_file
from edgewise.config.toml_file import parse_toml, read_toml
from edgewise.errors import PolicyError


@pytest.mark.parametrize(
    ("source", "path", "message"),
    [
        (b"a = 1\nb = \n", "x.toml:2:5", "expected TOML: Invalid value"),
        (b"a = 1\na = 2\n", "x.toml:2:6", "expected TOML: Cannot overwrite a value"),
        (b"\n\na = [1,\n\n", "x.toml:3", "expected TOML: Invalid value at the end of the file"),
        (b"a = 1\nb = '\xff'\n", "x.toml:2", "found the byte 0xff, expected UTF-8"),
        (b"a = " + b"[" * 5000, "x.toml", "found lists or tables nested too deeply, expected TOML"),
        (b"a = " + b"9" * 5000, "x.toml", "expected TOML: Exceeds the limit"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_toml_is_refused_with_its_line(source: bytes, path: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_toml(source, "x.toml")
    (problem,) = caught.value.problems
    assert problem.path == path
    assert problem.message.startswith(message)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"x\.toml: cannot be read: No such file or directory"):
        read_toml(tmp_path / "x.toml", "x.toml")


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml_file, "LARGEST_FILE", 10)
    (tmp_path / "x.toml").write_text("a = 123456789")
    with pytest.raises(PolicyError, match="found a file of 13 bytes, expected at most 10"):
        read_toml(tmp_path / "x.toml", "x.toml")
