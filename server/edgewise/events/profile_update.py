"""The update of one visitor's profile by the messages of a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edgewise.ids.visitor import VisitorIds
from edgewise.types import Digest
from edgewise.visitors.activity import Activity
from edgewise.visitors.future_times import without_future_times
from edgewise.visitors.identity import read_profile
from edgewise.visitors.profile import Profile
from edgewise.wall_clock import now_ms


class ProfileChange(NamedTuple):
    """What one message changed.

    - `profile`: the profile after the message
    - `digests`: the ids of the visitor that the message has
    - `ids`: the same ids as they were given
    - `is_visit`: whether the visitor did something. Setting traits from a server does not count
    """

    profile: Profile
    digests: frozenset[Digest]
    ids: VisitorIds
    is_visit: bool


class ProfileUpdate:
    """The update of one visitor's profile.

    - `visitor`: the digest of the id under which the profile is stored
    - `stored`: the record in the store, None for a new visitor
    - `profile`: the updated profile
    - `changes`: the steps from the stored profile to the updated one, as each message would have made them alone
    - `positions`: where the visitor's events are in the batch
    """

    __slots__ = ("changes", "positions", "profile", "stored", "visitor")

    def __init__(self, visitor: Digest, stored: bytes | None) -> None:
        self.visitor = visitor
        self.stored = stored
        self.profile = without_future_times(read_profile(stored), now_ms())
        self.changes: list[ProfileChange] = []
        self.positions: list[int] = []

    @property
    def is_changed(self) -> bool:
        return self.profile.encode() != self.stored

    def add(self, position: int, activity: Activity, digests: Iterable[Digest], ids: VisitorIds) -> None:
        self.positions.append(position)
        self.change(self.profile.apply(activity), digests, ids, is_visit=True)

    def change(self, profile: Profile, digests: Iterable[Digest], ids: VisitorIds, *, is_visit: bool) -> None:
        if profile is not self.profile:
            self.profile = profile.fitted()
            self.changes.append(ProfileChange(self.profile, frozenset(digests), ids, is_visit))
