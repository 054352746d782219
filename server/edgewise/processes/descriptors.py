"""The number of files and sockets that a process may open."""

from __future__ import annotations

import resource

WANTED = 65_536
_MACOS = 10_240
"""The most that macOS allows, although its hard limit may be higher."""


def raise_descriptor_limit() -> int:
    """Raise the limit of this process as far as the system allows. Return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (WANTED, _MACOS):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            except (ValueError, OSError):
                continue
            return most
    return WANTED if soft == resource.RLIM_INFINITY else soft
