"""Lua scripts for atomic steps. Each script uses keys of one hash tag."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

Argument: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Argument, ...]
"""A command with its arguments."""

_sources: dict[str, str] = {}


class Script:
    """A Lua script, called by its hash."""

    def __init__(self, source: str) -> None:
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        _sources[self.sha] = source

    def command(self, keys: Sequence[str], *arguments: Argument) -> Command:
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


def in_full(command: Command) -> Command:
    """Return the same call with the script's text, for a store that does not have the script yet.

    A store answers NOSCRIPT before it runs anything, so the second call repeats nothing.
    """
    _, sha, *rest = command
    return ("EVAL", _sources[str(sha)], *rest)
