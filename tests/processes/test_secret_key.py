from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edgewise.errors import SettingsError
from edgewise.processes.secret_key import load_or_create_secret_key


def test_the_secret_key_is_created_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = load_or_create_secret_key(tmp_path)
    assert len(key) >= 43
    assert load_or_create_secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600


def test_a_draft_of_a_crashed_start_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret-key.new").write_text("half")
    assert load_or_create_secret_key(tmp_path) != "half"


def test_an_empty_file_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("\n")
    with pytest.raises(SettingsError, match=r"secret-key: Missing secret key\. Remove this empty file"):
        load_or_create_secret_key(tmp_path)


def test_a_key_that_is_easy_to_guess_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("x\n")
    with pytest.raises(SettingsError, match=r"secret-key: Expected 16 to 256 .* found 1 characters\."):
        load_or_create_secret_key(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error_with_advice(tmp_path: Path) -> None:
    file = tmp_path / "secret-key"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"secret-key: Expected a text, found other bytes\. Remove the file"):
        load_or_create_secret_key(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(SettingsError, match=r"secret-key: Is a directory\. .* Or set EDGEWISE_SECRET_KEY\.$"):
        load_or_create_secret_key(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_key(tmp_path: Path) -> None:
    key = load_or_create_secret_key(tmp_path)
    (tmp_path / "secret-key").write_bytes(b"\xef\xbb\xbf" + key.encode() + b"\r\n")
    assert load_or_create_secret_key(tmp_path) == key
