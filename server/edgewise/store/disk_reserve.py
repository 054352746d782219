"""A file that reserves disk space. Without it, a store on a full disk could not write its last writes when it stops."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

BYTES = 4 << 20
"""More than a store acknowledges before it notices that the disk is full."""


class DiskReserve:
    """The reserve at this path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self) -> None:
        """Create the file, unless it is there or there is no space for it."""
        with suppress(FileNotFoundError):
            if self._path.stat().st_size == BYTES:
                return
        try:
            self._path.write_bytes(os.urandom(BYTES))  # Zeros would take no space on a disk that compresses.
        except OSError as error:
            log.warning("Cannot reserve %d bytes at %s: %s. Free some space.", BYTES, self._path, error)
            self.release()

    def release(self) -> None:
        """Free the space. The next `keep` takes it again."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
