"""The runtime folder: where a server has its socket and what its processes measure, for as long as it lives."""

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

PREFIX = "edgewise-"
METRICS, SOCKET = "metrics", "valkey.sock"
"""What there may be in it."""

_NAME = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")
_LONGEST_SOCKET_PATH = 103  # bytes: what macOS takes; Linux takes 107
_MOST = 1000
"""Folders that one start removes, at most."""


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """A folder that only this user can enter, with a path short enough for a socket; removed at the end.

    Those of servers that were killed are removed first: a lock says which ones live.
    """
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) + len(f"/{PREFIX}12345678/{SOCKET}") > _LONGEST_SOCKET_PATH:
        base = "/tmp"
    _sweep(Path(base))
    runtime, handle = _locked(base)
    try:
        yield runtime
    finally:
        os.close(handle)
        shutil.rmtree(runtime, ignore_errors=True)


def remove_leftover(runtime: Path) -> None:
    """Remove the folder of a server that is known to be dead, if it is one of ours."""
    if _NAME.fullmatch(runtime.name) and (handle := _opened(runtime)) is not None:
        os.close(handle)
        shutil.rmtree(runtime, ignore_errors=True)


def _locked(base: str) -> tuple[Path, int]:
    while True:
        runtime = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # Mode 700, and a name that nobody can foresee.
        if (handle := _opened(runtime)) is not None:
            # systemd-tmpfiles, which empties /tmp of old files, passes over it then, too.
            fcntl.flock(handle, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), runtime.stat()):
                    return runtime, handle
            os.close(handle)  # Before it was locked, another one that starts took it for a dead one's.


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
            pass  # It is in use.
        finally:
            os.close(handle)


def _opened(runtime: Path) -> int | None:
    """A handle of this folder, if it is one, and this user's."""
    with suppress(OSError):
        handle = os.open(runtime, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if os.fstat(handle).st_uid == os.getuid():
            return handle
        os.close(handle)
    return None
