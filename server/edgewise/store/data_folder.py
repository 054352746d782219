"""The data folder: locked by the one supervising process, and where others find the store that it runs."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from edgewise.errors import DataFolderLocked, StoreUnavailable
from edgewise.store.runtime import remove_leftover, runtime_folder

_PATIENCE = 5.0  # seconds: a holder that died suddenly has children that are still on their way out


class DataFolder:
    """A data folder that this process holds.

    `lock` is the file descriptor of the lock. Whoever inherits it holds the folder too: the embedded Valkey does, so
    that no second server starts on its files while it lives. `runtime` is a folder that only this user can enter, for
    as long as the data folder is held: it has a path short enough for a socket, which the data folder may not have.
    """

    def __init__(self, path: Path, lock: int, runtime: Path) -> None:
        self.path = path
        self.lock = lock
        self.runtime = runtime

    @classmethod
    @asynccontextmanager
    async def held(cls, path: Path) -> AsyncIterator[DataFolder]:
        """Hold this data folder, which is made if there is none.

        Raises:
            DataFolderLocked: another process holds it.
        """
        lock = _open(path)
        try:
            await _acquire(path, lock)
            _url_file(path).unlink(missing_ok=True)
            _, leftover = _read(path)
            if leftover is not None:
                remove_leftover(leftover)
            with runtime_folder() as runtime:
                _write(lock, f"{os.getpid()}\n{runtime}\n")
                try:
                    yield cls(path, lock, runtime)
                finally:
                    _url_file(path).unlink(missing_ok=True)
        finally:
            os.close(lock)

    def announce(self, url: str) -> None:
        """Let other commands on this machine find the store."""
        draft = self.path / "store.url.new"
        draft.touch(mode=0o600)  # The URL of a Redis may hold a password.
        draft.write_text(url)
        draft.replace(_url_file(self.path))


async def announced_url(path: Path) -> str:
    """The URL of the store that the holder of this data folder runs; waits until it answers.

    Raises:
        StoreUnavailable: nobody holds the folder.
    """
    while _is_held(path):
        with suppress(FileNotFoundError):
            return _url_file(path).read_text()
        await asyncio.sleep(0.1)
    raise StoreUnavailable(
        f"data folder {path}: no server runs on it; expected a running `edgewise serve`, or a store named by --redis"
    )


def _open(path: Path) -> int:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


async def _acquire(path: Path, lock: int) -> None:
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while not _try_lock(lock, fcntl.LOCK_EX):
        holder, _ = _read(path)
        if holder is not None and _is_alive(holder):
            raise DataFolderLocked(
                f"data folder {path}: held by process {holder}, expected to be free; stop that process, or give this "
                "one a data folder of its own with --data"
            )
        if asyncio.get_running_loop().time() > deadline:
            raise DataFolderLocked(
                f"data folder {path}: still held by what process {holder} left behind, expected to be free within "
                f"{_PATIENCE:.0f} seconds; see `fuser {path / 'lock'}`"
            )
        await asyncio.sleep(0.05)


def _is_held(path: Path) -> bool:
    try:
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def _try_lock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _read(path: Path) -> tuple[int | None, Path | None]:
    """Who holds the folder, or held it last, and its runtime folder. None while the holder has not yet said so."""
    pid, _, runtime = (path / "lock").read_text().strip().partition("\n")
    return (int(pid) if pid.isdecimal() else None), (Path(runtime) if runtime else None)


def _write(lock: int, text: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, os.fsencode(text), 0)


def _url_file(path: Path) -> Path:
    return path / "store.url"
