"""The data folder: locked by one supervisor, with the address of its store for other commands."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from edgewise.errors import DataFolderLocked, SettingsError, StoreUnavailable
from edgewise.store.runtime import remove_leftover, runtime_folder
from edgewise.system_errors import describe_system_error

_PATIENCE = 5.0
"""Seconds to wait for a lock, because children of a killed supervisor may still be ending."""


class DataFolder:
    """A data folder that this process has locked.

    `lock` is the file descriptor of the lock. The embedded Valkey inherits it, so no second server can start on its
    files while it lives. `runtime` is a private folder with a path short enough for a socket. It exists while the data
    folder is locked.
    """

    def __init__(self, path: Path, lock: int, runtime: Path) -> None:
        self.path = path
        self.lock = lock
        self.runtime = runtime

    @classmethod
    @asynccontextmanager
    async def locked(cls, path: Path) -> AsyncIterator[DataFolder]:
        """Create the data folder if it is missing, and lock it.

        Raises:
            DataFolderLocked: another process has the lock.
            SettingsError: the folder, or the folder for temporary files, cannot be used.
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
        """Write the store's URL for other commands on this machine."""
        draft = self.path / "store.url.new"
        draft.touch(mode=0o600)  # A Redis URL may have a password.
        draft.write_text(url)
        draft.replace(_url_file(self.path))


async def running_store_url(path: Path) -> str:
    """Return the URL of the running server's store, and wait until the server has written it.

    Raises:
        StoreUnavailable: no server runs on the folder.
    """
    while _is_locked(path):
        with suppress(FileNotFoundError):
            return _url_file(path).read_text()
        await asyncio.sleep(0.1)
    raise StoreUnavailable(
        f"No server runs on data folder {path}. Start `edgewise serve`, or name a store with --redis."
    )


def _open(path: Path) -> int:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(f"--data: Cannot use {path} as data folder. {describe_system_error(error)}") from error


async def _acquire(path: Path, lock: int) -> None:
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while not _try_lock(lock, fcntl.LOCK_EX):
        holder, _ = _read(path)
        if holder is not None and _is_alive(holder):
            raise DataFolderLocked(
                f"Edgewise already runs on data folder {path}, as process {holder}. "
                "Stop it, or choose another folder with --data."
            )
        if asyncio.get_running_loop().time() > deadline:
            raise DataFolderLocked(
                f"Children of the ended process {holder} still use data folder {path}. Stop them. "
                f"`fuser {path / 'lock'}` lists them."
            )
        await asyncio.sleep(0.05)


def _is_locked(path: Path) -> bool:
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
    """Read the process id and the runtime folder of the last lock. None while the owner has not written them."""
    pid, _, runtime = (path / "lock").read_text().strip().partition("\n")
    return (int(pid) if pid.isdecimal() else None), (Path(runtime) if runtime else None)


def _write(lock: int, text: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, os.fsencode(text), 0)


def _url_file(path: Path) -> Path:
    return path / "store.url"
