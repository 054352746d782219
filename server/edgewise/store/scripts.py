"""Lua scripts: the steps that must not be divided. Each touches keys of one hash tag only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

Argument: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Argument, ...]
"""A command and its arguments, as they go to the store."""

_sources: dict[str, str] = {}


class Script:
    """A Lua script, called by its hash."""

    def __init__(self, source: str) -> None:
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        _sources[self.sha] = source

    def command(self, keys: Sequence[str], *arguments: Argument) -> Command:
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


def in_full(command: Command) -> Command:
    """The same call with the script's text in place of its hash, for a store that does not hold the script yet.

    The store answers NOSCRIPT before it executes anything, so sending this after it repeats nothing.
    """
    _, sha, *rest = command
    return ("EVAL", _sources[str(sha)], *rest)
