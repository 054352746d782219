"""CPU cores. The measured process has one core for itself, and all other processes share the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """The core of the measured process and the cores of the others. Both are empty where pinning is impossible."""

    measured: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> Cores:
        """The last core that this process may use, and the rest. Both are empty with a single core or without Linux."""
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        if len(usable) < 2:
            return cls(frozenset(), frozenset())
        return cls(frozenset(usable[-1:]), frozenset(usable[:-1]))

    def __str__(self) -> str:
        if not self.measured:
            return "This machine has one core or cannot pin processes, so the figures are not reliable."
        (core,) = self.measured
        others = ", ".join(map(str, sorted(self.others)))
        return f"The measured process runs on core {core}, the client and the store on core {others}."


@contextmanager
def pinned_to(cores: frozenset[int]) -> Iterator[None]:
    """Pin this process, and the processes that it starts in the block, to these cores."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class CoreTime(NamedTuple):
    """The seconds for which a process's main thread has run on a core, and has waited for a busy core."""

    running: float
    waiting: float

    @classmethod
    def of(cls, pid: int) -> CoreTime:
        """Zeros on systems without this information."""
        try:
            running, waiting, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
        except (OSError, ValueError):
            return cls(0.0, 0.0)
        return cls(int(running) / 1e9, int(waiting) / 1e9)

    def since(self, before: CoreTime) -> CoreTime:
        return CoreTime(self.running - before.running, self.waiting - before.waiting)
