from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgewise.store.disk_reserve import BYTES, DiskReserve


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond some kilobytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_reserve_takes_real_space_until_it_is_released(tmp_path: Path) -> None:
    reserve, file = DiskReserve(tmp_path / "reserve"), tmp_path / "reserve"
    for _ in range(2):
        reserve.keep()
        assert file.stat().st_blocks * 512 >= BYTES
        reserve.release()
        assert not file.exists()
    reserve.release()


def test_an_incomplete_reserve_is_made_whole(tmp_path: Path) -> None:
    file = tmp_path / "reserve"
    file.write_bytes(b"part")
    DiskReserve(file).keep()
    assert file.stat().st_size == BYTES


def test_a_full_disk_has_no_reserve_and_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with full_disk():
        DiskReserve(tmp_path / "reserve").keep()
    assert f"Cannot reserve {BYTES} bytes at {tmp_path}/reserve" in caplog.text
    assert not (tmp_path / "reserve").exists()
