"""The memory of this machine, or of the container that this process is in."""

from __future__ import annotations

import os
from pathlib import Path

_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_memory(limits: tuple[str, ...] = _CONTAINER_LIMITS) -> int:
    """The memory in bytes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in limits:
        try:
            memory = min(memory, int(Path(limit).read_text()))
        except (OSError, ValueError):  # The file is missing, or has no number.
            continue
    return memory
