"""The runtime folder: the socket and the metrics of a running server."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from edgewise.errors import SettingsError

PREFIX = "edgewise-"
METRICS, SOCKET = "metrics", "valkey.sock"
"""The possible contents of a runtime folder."""

_NAME = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")
_LONGEST_SOCKET_PATH = 103
"""Bytes. The limit of macOS. Linux allows 107."""

NEEDED_BYTES = 16 << 20
"""For the metrics of all processes. A process that writes to a full disk here is killed by SIGBUS."""

_SET_TMPDIR = "Set TMPDIR to a folder that this user can write, on a disk with free space."

_MOST = 1000
"""The most folders that one start removes."""


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """Create a private folder with a path short enough for a socket, and remove it at the end.

    First remove the folders of killed servers. A lock marks the folders in use.

    Raises:
        SettingsError: the folder for temporary files cannot be used, or has too little space.
    """
    base = "the folder for temporary files"
    try:
        base = tempfile.gettempdir()
        if len(os.fsencode(base)) + len(f"/{PREFIX}12345678/{SOCKET}") > _LONGEST_SOCKET_PATH:
            base = "/tmp"
        _sweep(Path(base))
        runtime, handle = _locked(base)
        free = shutil.disk_usage(runtime).free
    except OSError as error:
        message = f"Cannot use {base} for temporary files: {error.strerror}. {_SET_TMPDIR}"
        raise SettingsError(message) from error
    if free < NEEDED_BYTES:
        os.close(handle)
        shutil.rmtree(runtime, ignore_errors=True)
        expected = f"Expected {NEEDED_BYTES >> 20} MiB of free space for temporary files in {base}"
        raise SettingsError(f"{expected}, found {free >> 10} KiB. {_SET_TMPDIR}")
    try:
        yield runtime
    finally:
        os.close(handle)
        shutil.rmtree(runtime, ignore_errors=True)


def remove_leftover(runtime: Path) -> None:
    """Remove the runtime folder of a dead server."""
    if _NAME.fullmatch(runtime.name) and (handle := _opened(runtime)) is not None:
        os.close(handle)
        shutil.rmtree(runtime, ignore_errors=True)


def _locked(base: str) -> tuple[Path, int]:
    while True:
        runtime = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # Mode 700 and an unpredictable name.
        if (handle := _opened(runtime)) is not None:
            # systemd-tmpfiles skips locked folders when it removes old files.
            fcntl.flock(handle, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), runtime.stat()):
                    return runtime, handle
            os.close(handle)  # Another start removed the folder before it was locked.


def _sweep(base: Path) -> None:
    with os.scandir(base) as entries:
        found = [base / entry.name for entry in entries if _NAME.fullmatch(entry.name)]
    for runtime in islice(found, _MOST):
        handle = _opened(runtime)
        if handle is None:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if set(os.listdir(handle)) <= {METRICS, SOCKET}:
                shutil.rmtree(runtime, ignore_errors=True)
        except OSError:
            pass  # The folder is in use.
        finally:
            os.close(handle)


def _opened(runtime: Path) -> int | None:
    """Open the folder if it belongs to this user."""
    with suppress(OSError):
        handle = os.open(runtime, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if os.fstat(handle).st_uid == os.getuid():
            return handle
        os.close(handle)
    return None
