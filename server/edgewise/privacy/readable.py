"""What is held of a visitor, as a person can read it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import msgspec

from edgewise.types import Digest
from edgewise.visitors.identity import moved, readable


def held(visitor: Digest, stored: bytes) -> dict[str, Any]:
    """Everything that is stored under an id: a profile, or where it moved to, with what has not arrived there yet.

    Digests are hexadecimal, times as they are kept: seconds or milliseconds since the epoch.
    """
    note = moved(stored)
    profile = stored if note is None else note.frozen
    return {
        "id": visitor.hex(),
        "movedTo": None if note is None else note.to.hex(),
        "profile": plain(readable(profile)) if profile else None,
    }


def plain(value: Any) -> Any:
    """A value of ours in types that JSON knows; fields are named in camelCase."""
    if isinstance(value, msgspec.Struct):
        return {_camel(name): plain(inner) for name, inner in msgspec.structs.asdict(value).items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {_camel(name): plain(inner) for name, inner in value._asdict().items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return list(map(plain, value)) if isinstance(value, tuple | list | array) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
