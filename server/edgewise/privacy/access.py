"""The customer file: what is held of one visitor, asked for by an id, which may be an anonymous one or a user's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from edgewise.events.profile_records import People
from edgewise.events.profile_writer import Histories
from edgewise.events.retry import Errand
from edgewise.events.visit import Visit
from edgewise.ids.visitor import anonymous_digest, user_digest, visitor_digests
from edgewise.privacy.readable import describe_exposure
from edgewise.store import Store
from edgewise.store.exposures import Showings, fields_of
from edgewise.types import SPANS, Digest, Milliseconds
from edgewise.visitors.identity import ids_in, moved
from edgewise.visitors.names import seconds
from edgewise.visitors.traits import with_traits
from edgewise.wall_clock import now_ms
from edgewise.webhooks.triggers import Named, Triggers

PATIENCE = 5.0
"""Seconds that a change may take."""


class Customers:
    """Reads, changes and erases what is held of a visitor. All methods raise `StoreError` when the store fails them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def records(self, site: str, id: str) -> dict[Digest, bytes]:
        """What is stored under every id that is known of this visitor; empty when nothing is."""
        found: dict[Digest, bytes] = {}
        for visitor in sorted(await self.known_ids(site, id)):
            if (stored := await self._store.profiles.read(site, visitor)) is not None:
                found[visitor] = stored
        return found

    async def known_ids(self, site: str, id: str) -> frozenset[Digest]:
        """All that this id stands for: itself, where its history moved to, and every id that the profile there names.

        The ids of those ids are not followed: a shared device would lead from one visitor to another.
        """
        known: dict[Digest, None] = {}
        for visitor in digests_of(id):
            while visitor not in known:
                known[visitor] = None
                stored = await self._store.profiles.read(site, visitor)
                if (note := moved(stored)) is None:
                    known |= dict.fromkeys(ids_in(stored))
                    break
                known |= dict.fromkeys(one for one in ids_in(stored) if one != note.to)
                visitor = note.to
        return frozenset(known)

    async def shown(self, site: str, visitor: Digest) -> list[dict[str, Any]]:
        """What is held under this id of what was shown, for people to read."""
        replies = await Errand(self._store, PATIENCE).acknowledged(Showings(site, visitor).read_commands(SPANS))
        return [
            one for span, reply in zip(SPANS, replies, strict=True) for one in describe_exposure(span, fields_of(reply))
        ]

    async def tell(
        self, site: str, who: Named, traits: Mapping[str, Any], triggers: Triggers, at: Milliseconds | None = None
    ) -> None:
        """Keep these traits of a visitor, as of a time, by default now; what was told later than that stays.

        They must be without problems. A trait that is none is forgotten. The webhooks of `triggers` are told at once.
        """
        told_at = seconds(now_ms() if at is None else at)
        (*_, visitor) = visitor_digests(*who)
        errand = Errand(self._store, PATIENCE)
        people = People(self._store, site, errand)

        def told(_: Any = None) -> list[Visit]:
            root = people.root(visitor)
            visit = Visit(root)
            visit.known_as.add(visitor)
            visit.named = who
            visit.happens_to(people.stored(root))
            traits_then = with_traits(visit.profile.traits, traits, told_at)
            visit.profile = replace(visit.profile, traits=traits_then)
            return [visit]

        await people.settle(visitor)
        await Histories(self._store, site, triggers, people, errand).write(told(), told)

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
