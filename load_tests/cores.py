"""Cores: what is measured has one for itself, everything else shares the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """The core of what is measured, and those of everything else; both empty where nothing can be pinned."""

    measured: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> Cores:
        """The last core that this process may use, and the rest. With a single core, or off Linux, none."""
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        if len(usable) < 2:
            return cls(frozenset(), frozenset())
        return cls(frozenset(usable[-1:]), frozenset(usable[:-1]))

    def __str__(self) -> str:
        if not self.measured:
            return "Nothing is pinned: this machine has one core, or cannot pin. The figures are worth little."
        (core,) = self.measured
        others = ", ".join(map(str, sorted(self.others)))
        return f"What is measured runs on core {core}, the client and the store on core {others}."


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Run on these cores meanwhile, and let every process that is started now stay there."""
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
    """How many seconds a process's main thread has run on a core so far, and has waited for one that others held."""

    running: float
    waiting: float

    @classmethod
    def of(cls, pid: int) -> CoreTime:
        """Zeros where the system does not tell."""
        try:
            running, waiting, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
        except (OSError, ValueError):
            return cls(0.0, 0.0)
        return cls(int(running) / 1e9, int(waiting) / 1e9)

    def since(self, before: CoreTime) -> CoreTime:
        return CoreTime(self.running - before.running, self.waiting - before.waiting)
