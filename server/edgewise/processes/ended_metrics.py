"""The metrics of processes that ended. Their files are added up in one, so that restarts do not pile up files."""

# The library has no types for these functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

ENDED = "ended"
"""The place of the process id in the names of the files with the sums."""

_KINDS = ("counter", "histogram", "summary")


def add_up_ended(folder: Path, pid: int) -> None:
    """Add the counts of an ended process to those of the others, and remove its files and its gauges.

    A request for the metrics in the same millisecond may see the counts twice.
    """
    mark_process_dead(pid, str(folder))
    for kind in _KINDS:
        file = folder / f"{kind}_{pid}.db"
        if file.exists():
            _add(file, folder / f"{kind}_{ENDED}.db")
            file.unlink()


def _add(file: Path, sums: Path) -> None:
    total = MmapedDict(str(sums))
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(file)):
            before, _ = total.read_value(key)
            total.write_value(key, before + value, timestamp)
    finally:
        total.close()
