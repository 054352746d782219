"""A partial profile: the fields that nearly every decide call needs, decoded in two thirds of the time.

The other fields stay raw bytes, and are not validated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw
from msgspec.structs import FieldInfo, fields

from edgewise.errors import ProfileError
from edgewise.visitors.profile import Profile

_NO_TRAITS = b"\x80"
"""An empty map in MessagePack."""

RAW_FIELDS = frozenset(
    {"events", "pages", "products", "seen", "surroundings", "traits", "ids", "merged", "recent", "counted_orders"}
)

if TYPE_CHECKING:

    class PartialProfile(Profile, frozen=True):
        """Never a `Profile` at run time. Type checkers see its fields, of which code must not use the raw ones.

        `decode_traits` reads the raw traits.
        """

else:

    def _partial_field(field: FieldInfo) -> tuple[str, Any, Any]:
        """A record of an earlier release lacks the newest fields, so each field needs its default."""
        if field.name in RAW_FIELDS:
            return field.name, Raw, Raw(_NO_TRAITS) if field.name == "traits" else Raw()
        default = msgspec.field(default=field.default, default_factory=field.default_factory)
        return field.name, field.type, default

    PartialProfile = msgspec.defstruct(
        "PartialProfile",
        [_partial_field(field) for field in fields(Profile)],
        frozen=True,
        array_like=True,
        forbid_unknown_fields=True,
        gc=False,
    )


_decoder = msgspec.msgpack.Decoder(PartialProfile)


def decode_partial(stored: bytes) -> PartialProfile:
    """Decode a part of a profile.

    Raises:
        ProfileError: this version does not know the format of a decoded field.
    """
    try:
        return _decoder.decode(stored)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"Expected an encoded profile, found {len(stored)} bytes: {error}.") from error
