"""Identity: whose history a visitor's id leads to, and how two histories become one.

What is stored under an id is a profile, or a note that it moved to another id. No transaction spans two ids, so a
history moves in three writes, each a compare-and-set, and whoever meets a half-moved one goes on with it:
1. under the old id: the note, which still holds the whole profile;
2. under the new id: the profile of both, unless it says that this one is in it already;
3. under the old id: the note alone.
However often that is interrupted and repeated, by however many at once, nothing is lost or counted twice.

Notes always lead from a lesser digest to a greater one, and user ids' are greater than all of anonymous ids: there is
no going in circles, and of two users who turn out to be one it does not matter who is told first. A user's note is for
good. An anonymous id's leads to the user who was told of last: on a shared device, no history becomes another's.
(What such a device sends a second time after it was handed on, under its anonymous id alone, counts for its new user
too: the new history does not know the messages of the old one.)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from edgewise.errors import ProfileError
from edgewise.types import Digest, is_user
from edgewise.visitors import profile as profiles
from edgewise.visitors.merging import merge
from edgewise.visitors.partial_profile import Glance, glance
from edgewise.visitors.profile import MAX_MERGED, Profile

log = logging.getLogger(__name__)

P = TypeVar("P")

_MOVED = b"\x01"
"""No profile begins with this byte."""

_DIGEST = 8


class Moved(NamedTuple):
    """Where the history of an id moved to. `frozen` is the profile as long as it may not be there; empty after that."""

    to: Digest
    frozen: bytes

    def encode(self) -> bytes:
        """The bytes that the store keeps under the old id."""
        return _MOVED + self.to + self.frozen


class Write(NamedTuple):
    """What is to be written under an id, if what is there still is `old`."""

    visitor: Digest
    old: bytes | None
    new: bytes


class Unread(LookupError):
    """What is stored under this visitor's id must be read first."""

    def __init__(self, visitor: Digest) -> None:
        self.visitor = visitor
        super().__init__(f"visitor {visitor.hex()}: not read yet")


Records = Mapping[Digest, bytes | None]
"""What was read under each id; None: nothing is there."""


def moved(stored: bytes | None) -> Moved | None:
    """The note in these bytes; None when they are no note."""
    if stored is None or not stored.startswith(_MOVED):
        return None
    return Moved(stored[1 : 1 + _DIGEST], stored[1 + _DIGEST :])


def readable(stored: bytes | None) -> Profile:
    """The profile in these bytes; an empty one when there are none, or of another format."""
    return Profile() if stored is None else _read_by(profiles.decode, stored)


def glanced(stored: bytes) -> Glance | Profile:
    """A glance at the profile in these bytes; an empty profile when they are of another format."""
    return _read_by(glance, stored)


def _read_by(decode: Callable[[bytes], P], stored: bytes) -> P | Profile:
    try:
        return decode(stored)
    except ProfileError as error:
        log.error("a visitor's profile cannot be read, so it begins anew: %s", error)
        return Profile()


def ids_in(stored: bytes | None) -> tuple[Digest, ...]:
    """All ids of the visitor that these bytes name."""
    note = moved(stored)
    return readable(stored).ids if note is None else (note.to, *ids_in(note.frozen or None))


def root(visitor: Digest, records: Records) -> Digest:
    """The id under which this visitor's history is kept.

    Raises:
        Unread: on the way there is an id that was not read.
    """
    while (note := moved(_read(visitor, records))) is not None:
        visitor = note.to
    return visitor


def finishing(visitor: Digest, records: Records) -> Write | None:
    """What is to be written next, because a history on this visitor's way is half-moved; None when none is.

    Those further on come first: else a history could arrive where it is in another one that is yet to come.

    Raises:
        Unread: an id on the way was not read.
    """
    note = moved(_read(visitor, records))
    if note is None:
        return None
    if (further := finishing(note.to, records)) is not None:
        return further
    if not note.frozen:
        return None
    goal = root(note.to, records)
    profile, token = readable(records[goal]), _token(visitor, note.frozen)
    if token in profile.merged:
        return Write(visitor, records[visitor], Moved(note.to, b"").encode())
    both = merge(profile, readable(note.frozen))
    return Write(goal, records[goal], replace(both, merged=(*both.merged, token)[-MAX_MERGED:]).encode())


def linking(known_as: Digest, user: Digest, records: Records) -> Write | None:
    """What is to be written next, because an id turns out to be this user's; None when all of it is.

    Raises:
        Unread: an id on the way was not read.
    """
    for visitor in (known_as, user):
        if (write := finishing(visitor, records)) is not None:
            return write
    old, goal = root(known_as, records), root(user, records)
    if old == goal:
        return None
    if old != known_as and not is_user(known_as):
        return Write(known_as, records[known_as], Moved(goal, b"").encode())
    lesser, greater = sorted((old, goal))
    frozen = b"" if records[lesser] is None else readable(records[lesser]).encode()
    return Write(lesser, records[lesser], Moved(greater, frozen).encode())


def resolved(visitor: Digest, records: Records) -> Profile | None:
    """The visitor's profile, with what is half-moved into it; None when there is none.

    Raises:
        Unread: an id on the way was not read.
    """
    after = dict(records)
    while (write := finishing(visitor, after)) is not None:
        after[write.visitor] = write.new
    stored = after[root(visitor, after)]
    return None if stored is None else readable(stored)


def _read(visitor: Digest, records: Records) -> bytes | None:
    try:
        return records[visitor]
    except KeyError as error:
        raise Unread(visitor) from error


def _token(visitor: Digest, frozen: bytes) -> Digest:
    """Stands for one history: when the same id has another one later, that is not this one again."""
    return blake2b(frozen, key=visitor, digest_size=_DIGEST, person=b"history").digest()
