from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewise.errors import SettingsError
from edgewise.store import runtime
from edgewise.store.runtime import remove_leftover, runtime_folder


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files, with a path that is short enough for a socket."""
    base = tempfile.mkdtemp(prefix="ew-", dir="/tmp")
    monkeypatch.setattr(tempfile, "tempdir", base)
    yield Path(base)
    shutil.rmtree(base)


def killed(base: Path) -> Path:
    """The runtime folder of a process that was killed."""
    script = """
import os, signal
from edgewise.store.runtime import METRICS, SOCKET, runtime_folder
with runtime_folder() as runtime:
    (runtime / METRICS).mkdir()
    (runtime / METRICS / "counter_1.db").touch()
    (runtime / SOCKET).touch()
    print(runtime, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environ = os.environ | {"TMPDIR": str(base)}
    ended = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True)
    assert ended.returncode < 0, ended.stderr
    return Path(ended.stdout.strip())


def test_runtime_folder_is_private_and_removed_at_the_end(base: Path) -> None:
    with runtime_folder() as runtime:
        assert runtime.parent == base
        assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    assert list(base.iterdir()) == []


def test_folders_of_dead_servers_are_removed(base: Path) -> None:
    with runtime_folder() as living:
        dead = killed(base)
        assert dead.parent == base
        assert dead.exists()
        with runtime_folder() as ours:
            assert set(base.iterdir()) == {living, ours}


def test_other_folders_stay(base: Path, tmp_path: Path) -> None:
    other = base / "edgewise-mine"
    strange = base / "edgewise-12345678"
    file = base / "edgewise-87654321"
    link = base / "edgewise-abcdefgh"
    (tmp_path / "metrics").mkdir()
    other.mkdir()
    (strange / "letters").mkdir(parents=True)
    file.touch()
    link.symlink_to(tmp_path)
    with runtime_folder() as ours:
        assert set(base.iterdir()) == {other, strange, file, link, ours}
    assert (tmp_path / "metrics").exists()


def test_a_path_that_is_too_long_for_a_socket_is_not_taken(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = base / ("x" * 80)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with runtime_folder() as runtime:
        assert runtime.parent == Path("/tmp")


def test_many_that_start_at_once_keep_their_own(base: Path) -> None:
    script = """
from edgewise.store.runtime import runtime_folder
for _ in range(200):
    with runtime_folder() as runtime:
        assert runtime.exists()
"""
    environ = os.environ | {"TMPDIR": str(base)}
    starting = [subprocess.Popen([sys.executable, "-c", script], env=environ) for _ in range(4)]
    assert [one.wait() for one in starting] == [0, 0, 0, 0]
    assert list(base.iterdir()) == []


def test_a_leftover_that_is_named_is_removed_if_it_is_one(base: Path) -> None:
    dead, other = killed(base), base / "our own files"
    other.mkdir()
    for path in (dead, other, base / "edgewise-12345678"):
        remove_leftover(path)
    assert list(base.iterdir()) == [other]


def test_a_missing_folder_for_temporary_files_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/missing")
    with pytest.raises(SettingsError, match=r"^Cannot use /missing for temporary files: No such .*\. Set TMPDIR to"):
        runtime_folder().__enter__()


def test_a_full_disk_for_temporary_files_is_an_error_with_advice(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(SettingsError, match=r"^Expected .* MiB of free space for temporary files in .*, found \d+ KiB"):
        runtime_folder().__enter__()
    assert list(base.iterdir()) == []
