"""Puts every key of an installation under one prefix, so that an ACL can grant it, and installations share a store.

The prefix is added to commands just before they are sent. So no other module knows it. It has no braces, and hash tags
of a cluster stay as they are.
"""

from __future__ import annotations

from edgewise.store.scripts import Command

_WITHOUT_KEYS = frozenset(("PING", "INFO", "TIME", "BGREWRITEAOF", "SCAN"))
_OF_KEYS_ONLY = frozenset(("DEL", "EXISTS", "PFCOUNT"))
_SCRIPTS = frozenset(("EVALSHA", "EVAL"))


class KeyPrefix:
    """The prefix of one installation. Empty for an installation that has the store for itself."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def apply(self, command: Command) -> Command:
        """The command with the prefix before each of its keys. All other commands have one key, as first argument."""
        prefix, name = self._prefix, command[0]
        if not prefix or name in _WITHOUT_KEYS:
            return command
        if name in _SCRIPTS:
            end = 3 + int(command[2])
            return (*command[:3], *(prefix + str(key) for key in command[3:end]), *command[end:])
        end = len(command) if name in _OF_KEYS_ONLY else 2
        return (name, *(prefix + str(key) for key in command[1:end]), *command[end:])

    def add(self, key: str) -> str:
        """The key, or a pattern of keys, with the prefix."""
        return self._prefix + key

    def remove(self, key: str) -> str:
        return key.removeprefix(self._prefix)
