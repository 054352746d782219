"""What the store keeps about a visitor, as values that JSON knows.

Digests and other bytes are hexadecimal. Times stay as they are stored: seconds or milliseconds since the epoch.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from edgewise.decisions.exposure import StickyChoice
from edgewise.store.exposures import Fields, read_field
from edgewise.types import Digest, Span
from edgewise.visitors.identity import read_profile, read_redirect
from edgewise.visitors.profile import Profile
from edgewise.visitors.traits import BY_SERVER


def describe_record(visitor: Digest, stored: bytes) -> dict[str, Any]:
    """Describe the record under one id: a profile, or the id that the history moves to.

    While a move is not finished, the profile is the part that has not arrived there yet. `serverTraits` names the
    traits that a server of the site set.
    """
    redirect = read_redirect(stored)
    profile = stored if redirect is None else redirect.frozen
    return {
        "id": visitor.hex(),
        "movedTo": None if redirect is None else redirect.to.hex(),
        "profile": _describe_profile(read_profile(profile)) if profile else None,
    }


def _describe_profile(profile: Profile) -> dict[str, Any]:
    described: dict[str, Any] = to_plain(profile)
    described["traits"] = {name: [at % BY_SERVER, value] for name, (at, value) in profile.traits.items()}
    described["serverTraits"] = [name for name, (at, _) in profile.traits.items() if at >= BY_SERVER]
    return described


def describe_exposure(span: Span, fields: Fields) -> Iterator[dict[str, Any]]:
    for field, value in sorted(fields.items()):
        found = read_field(field, value)
        if "sticks" in found:
            found["sticks"] = StickyChoice.decode(found["sticks"])
        names = {_camel(name): to_plain(inner) for name, inner in found.items()}
        yield {"placement": names.pop("placement"), "span": span, **names}


def to_plain(value: Any) -> Any:
    """Convert a value to the types of JSON. The names of fields become camelCase."""
    if isinstance(value, msgspec.Struct):
        return {_camel(name): to_plain(inner) for name, inner in msgspec.structs.asdict(value).items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {_camel(name): to_plain(inner) for name, inner in value._asdict().items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: to_plain(inner) for name, inner in value.items()}
    return list(map(to_plain, value)) if isinstance(value, tuple | list | array) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
