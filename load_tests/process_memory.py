"""The memory of processes, from the system. Shared pages count in equal shares, so sums count no page twice (PSS)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def proportional_bytes(pid: int | str = "self") -> int:
    """The memory of one process: its own pages, and its share of those that it shares with other processes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"Process {pid}: Expected a line that begins with Pss in smaps_rollup. Use Linux 4.14 or newer.")


def with_descendants(pid: int) -> list[int]:
    """This process and all processes that it started, directly or not."""
    found = [pid]
    for known in found:
        for task in Path(f"/proc/{known}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def total_bytes(pids: Iterable[int]) -> int:
    return sum(map(proportional_bytes, pids))
