"""Seen decisions: the keys of the open decisions that each visitor has seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from edgewise.types import DecisionKey, Digest

_Keys: TypeAlias = "DecisionKey | tuple[DecisionKey, ...] | set[DecisionKey]"

_MAX_TUPLE = 16
"""The most keys in a tuple, which is smaller than a set but slower to change."""


class SeenDecisions:
    """Keys of decisions by visitor. Most visitors have one, and it is stored without a collection around it."""

    def __init__(self) -> None:
        self._keys: dict[Digest, _Keys] = {}

    def of(self, visitor: Digest) -> Iterable[DecisionKey]:
        """The keys of a visitor, in no particular order."""
        keys = self._keys.get(visitor, ())
        return (keys,) if isinstance(keys, bytes) else keys

    def add(self, visitor: Digest, key: DecisionKey) -> None:
        """Add a key that the visitor does not have yet."""
        keys = self._keys.get(visitor)
        if keys is None:
            self._keys[visitor] = key
        elif isinstance(keys, set):
            keys.add(key)
        else:
            known = (keys,) if isinstance(keys, bytes) else keys
            self._keys[visitor] = (*known, key) if len(known) < _MAX_TUPLE else {*known, key}

    def remove(self, visitor: Digest, key: DecisionKey) -> None:
        keys = self._keys.get(visitor)
        if isinstance(keys, set):
            keys.discard(key)
        elif isinstance(keys, tuple):
            keys = self._keys[visitor] = tuple(other for other in keys if other != key)
        if not keys or keys == key:
            self._keys.pop(visitor, None)
