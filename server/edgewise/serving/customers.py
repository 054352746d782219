"""The customer file: what is held of one visitor, asked for by an id, which may be an anonymous one or a user's."""

from __future__ import annotations

from edgewise.serving.visitor_id import anonymous_digest, user_digest
from edgewise.store import Store
from edgewise.types import Digest, Milliseconds
from edgewise.visitors.identity import ids_in

MOST_IDS = 256
"""Ids of one visitor that an erasure follows; a profile names fewer, but they lead to others."""


class Customers:
    """Reads and erases what is held of one visitor. Every method raises `StoreError` when the store does not do it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def known_ids(self, site: str, id: str) -> frozenset[Digest]:
        """All that this id stands for: itself, every id that its profiles name, those that theirs name, and so on."""
        known: dict[Digest, None] = {}
        found = list(digests_of(id))
        while found and len(known) < MOST_IDS:
            visitor = found.pop(0)
            if visitor not in known:
                known[visitor] = None
                found += ids_in(await self._store.profiles.read(site, visitor))
        return frozenset(known)

    async def erase(self, site: str, id: str, wait: Milliseconds) -> frozenset[Digest]:
        """Forget a visitor: profiles at once, log entries and what models know of them in `wait` at the latest.

        Returns the ids that are erased. The learner does what is left to do, and all of it again where this ends
        half-way, hence it is told first. An id that nothing is held of is erased too: that harms nobody.
        """
        visitors = await self.known_ids(site, id)
        await self._store.erasures.add(site, visitors, wait)
        for visitor in visitors:
            await self._store.profiles.delete(site, visitor)
        return visitors


def digests_of(id: str) -> tuple[Digest, Digest]:
    """What stands for this id, be it a user's or an anonymous one."""
    return user_digest(id), anonymous_digest(id)
