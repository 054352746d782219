"""A visit: what one visitor did in a batch, and the profile that it happens to."""

from __future__ import annotations

from edgewise.types import Digest
from edgewise.visitors.activity import Act
from edgewise.visitors.identity import readable
from edgewise.visitors.profile import Profile
from edgewise.webhooks.triggers import Named


class Visit:
    """One visitor's acts, oldest first. `stored` are the bytes that the store has, `profile` is what they become.

    `known_as` are all ids that the acts came with, `named` the latest of them as they are.
    """

    __slots__ = ("acts", "known_as", "named", "profile", "stored", "visitor")

    def __init__(self, visitor: Digest) -> None:
        self.visitor = visitor
        self.acts: list[Act] = []
        self.known_as: set[Digest] = {visitor}
        self.named = Named()
        self.stored: bytes | None = None
        self.profile = Profile()

    @property
    def was_there(self) -> bool:
        """Whether the visitor did anything: to be told of is no visit."""
        return bool(self.acts)

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.profile.encode() != self.stored

    def happens_to(self, stored: bytes | None) -> None:
        """Apply the acts to this stored profile."""
        self.stored = stored
        self.profile = readable(stored)
        for act in self.acts:
            self.profile = self.profile.apply(act)
