"""Identity: where the history of a visitor's id is stored, and how two histories become one.

A record under an id is a profile, or a redirect to another id. No transaction spans two ids. So a history moves in
three compare-and-set writes, and the next reader of a half-moved one continues:

1. Under the old id: a redirect that still holds the whole profile.
2. Under the new id: the merged profile, unless it already lists this history as merged.
3. Under the old id: the redirect alone.

Any number of workers may interrupt and repeat these writes. Nothing is lost or counted twice.

A redirect always leads from a lesser digest to a greater one, and every user id is greater than every anonymous id.
So redirects have no cycles, and the order in which two users are linked does not matter. A user's redirect is
permanent. An anonymous id's redirect follows the last user who identified. On a shared device, no history becomes
another user's.

A chain of redirects can grow with every alias. A request that follows a long one shortens it, so that all ids on it
lead to the history directly. All ids after the first one are users, whose redirects are permanent, so that is safe.

When a device changes hands, the new user's history learns the last messages of the old one. So a message that the
device sends again counts for nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from edgewise.errors import ProfileError
from edgewise.types import Digest, is_user
from edgewise.visitors import profile as profiles
from edgewise.visitors.merging import merge, merge_recent
from edgewise.visitors.partial_profile import PartialProfile, decode_partial
from edgewise.visitors.profile import MARK, MAX_MERGED, REMEMBERED_MESSAGES, Profile, has_mark

log = logging.getLogger(__name__)

P = TypeVar("P")

_REDIRECT = b"\x01"
"""No encoded profile begins with this byte."""

_DIGEST = 8

MAX_SHORT_PATH = 4
"""The most redirects between an id and its history that are left as they are."""

HANDED_ON = REMEMBERED_MESSAGES // 2
"""The last messages of a user that the next user's history learns. Each of the two keeps half of the room."""

Records = Mapping[Digest, bytes | None]
"""The loaded records by id. None is for an id without a record."""


class Redirect(NamedTuple):
    """The id that a history moved to. `frozen` is the profile until it arrived there, then empty."""

    to: Digest
    frozen: bytes

    def encode(self) -> bytes:
        return _REDIRECT + self.to + self.frozen


class Write(NamedTuple):
    """A compare-and-set of the record under an id, from `old` to `new`."""

    visitor: Digest
    old: bytes | None
    new: bytes


class RecordNotLoaded(LookupError):
    """The record of this visitor's id must be loaded first."""

    def __init__(self, visitor: Digest) -> None:
        self.visitor = visitor
        super().__init__(f"The record of visitor {visitor.hex()} is not loaded.")


def read_redirect(stored: bytes | None) -> Redirect | None:
    """Read a record as a redirect. Return None if it is a profile, or missing."""
    if stored is None or not stored.startswith(_REDIRECT):
        return None
    return Redirect(stored[1 : 1 + _DIGEST], stored[1 + _DIGEST :])


def read_profile(stored: bytes | None) -> Profile:
    """Read a record as a profile. Return an empty one if it is missing, or if its format is unknown."""
    return Profile() if stored is None else _decode_with(profiles.decode, stored)


def read_partial_profile(stored: bytes) -> PartialProfile | Profile:
    """Read a part of a profile. Return an empty profile if the format is unknown."""
    return _decode_with(decode_partial, stored)


def read_ids(stored: bytes | None) -> tuple[Digest, ...]:
    ids: list[Digest] = []
    while (redirect := read_redirect(stored)) is not None:
        ids.append(redirect.to)
        stored = redirect.frozen or None
    return (*ids, *read_profile(stored).ids)


def find_root(visitor: Digest, records: Records) -> Digest:
    """Find the id under which this visitor's history is stored.

    Raises:
        RecordNotLoaded: an id on the way there was not loaded.
    """
    while (redirect := read_redirect(_loaded(visitor, records))) is not None:
        visitor = redirect.to
    return visitor


def plan_move(visitor: Digest, records: Records) -> Write | None:
    """Plan the next write that completes a half-moved history on this visitor's way. Return None if there is none.

    The history that is further on moves first. Else another one could arrive in it before it moved on itself.

    Raises:
        RecordNotLoaded: an id on the way was not loaded.
    """
    half_moved: tuple[Digest, Redirect] | None = None
    root = visitor
    while (redirect := read_redirect(_loaded(root, records))) is not None:
        if redirect.frozen:
            half_moved = root, redirect
        root = redirect.to
    if half_moved is None:
        return None
    visitor, redirect = half_moved
    profile, token = read_profile(records[root]), _history_token(visitor, redirect.frozen)
    if token in profile.merged:
        return Write(visitor, records[visitor], Redirect(redirect.to, b"").encode())
    both = merge(profile, read_profile(redirect.frozen))
    return Write(root, records[root], replace(both, merged=(*both.merged, token)[-MAX_MERGED:]).encode())


def plan_shortcuts(path: Sequence[Digest], end: Digest, records: Records) -> list[Write]:
    """Plan the writes that redirect all ids of a path to its end. The last id of the path redirects there already.

    A path with a half-moved history stays as it is, because a reader must not pass the history by.
    """
    redirects = [read_redirect(records[visitor]) for visitor in path]
    if any(redirect is None or redirect.frozen for redirect in redirects):
        return []
    shortcut = Redirect(end, b"").encode()
    return [Write(visitor, records[visitor], shortcut) for visitor in path[:-1]]


def plan_link(known_as: Digest, user: Digest, records: Records) -> Write | None:
    """Plan the next write that makes an id this user's. Return None if all of them are done.

    Raises:
        RecordNotLoaded: an id on the way was not loaded.
    """
    for visitor in (known_as, user):
        if (write := plan_move(visitor, records)) is not None:
            return write
    old, root = find_root(known_as, records), find_root(user, records)
    if old == root:
        return None
    if old != known_as and not is_user(known_as):
        if (write := _plan_handover(old, root, records)) is not None:
            return write
        return Write(known_as, records[known_as], Redirect(root, b"").encode())
    lesser, greater = sorted((old, root))
    frozen = b"" if records[lesser] is None else read_profile(records[lesser]).encode()
    return Write(lesser, records[lesser], Redirect(greater, frozen).encode())


def plan_unlink(visitor: Digest, records: Records) -> Write | None:
    """Plan the next write that separates an id from the history that it leads to. Return None if all are done.

    The history stays under the other ids. Nothing can take a part of it out again.

    Raises:
        RecordNotLoaded: an id on the way was not loaded.
    """
    if (write := plan_move(visitor, records)) is not None:
        return write
    root = find_root(visitor, records)
    if root == visitor:
        return None
    profile = read_profile(records[root])
    if visitor in profile.ids:
        left = tuple(id for id in profile.ids if id != visitor)
        return Write(root, records[root], replace(profile, ids=left).encode())
    return Write(visitor, records[visitor], Profile().encode())


def is_repeated(message: Digest, user: Digest, records: Records) -> bool:
    """Whether a message was recorded for this user before. Its links must then not be made again.

    Raises:
        RecordNotLoaded: an id on the way was not loaded.
    """
    return has_mark(read_profile(records[find_root(user, records)]).recent, message[:MARK])


def _plan_handover(old: Digest, new: Digest, records: Records) -> Write | None:
    """Plan that the next user's history knows the last messages of the former one. Return None if it does."""
    last = read_profile(records[old]).recent[-MARK * HANDED_ON :]
    profile = read_profile(records[new])
    if all(has_mark(profile.recent, last[start : start + MARK]) for start in range(0, len(last), MARK)):
        return None
    return Write(new, records[new], replace(profile, recent=merge_recent(last, profile.recent)).encode())


def resolve_profile(visitor: Digest, records: Records) -> Profile | None:
    """Return the visitor's profile, as it will be after half-moved histories arrived. Return None if there is none.

    Raises:
        RecordNotLoaded: an id on the way was not loaded.
    """
    after = dict(records)
    while (write := plan_move(visitor, after)) is not None:
        after[write.visitor] = write.new
    stored = after[find_root(visitor, after)]
    return None if stored is None else read_profile(stored)


def _decode_with(decode: Callable[[bytes], P], stored: bytes) -> P | Profile:
    try:
        return decode(stored)
    except ProfileError as error:
        log.error("A visitor's profile cannot be read and is replaced by an empty one: %s", error)
        return Profile()


def _loaded(visitor: Digest, records: Records) -> bytes | None:
    try:
        return records[visitor]
    except KeyError as error:
        raise RecordNotLoaded(visitor) from error


def _history_token(visitor: Digest, frozen: bytes) -> Digest:
    """Identify one history. A later history under the same id has another token."""
    return blake2b(frozen, key=visitor, digest_size=_DIGEST, person=b"history").digest()
