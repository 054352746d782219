"""People: the visitors of one batch, what the store has under their ids, and whose history each id leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgewise.events.retry import Errand
from edgewise.store import Command, Store
from edgewise.types import Digest, Milliseconds
from edgewise.visitors import identity
from edgewise.visitors.identity import Unread, Write
from edgewise.webhooks.triggers import NOTHING, Notice

PROFILE_TTL: Milliseconds = 365 * 24 * 3600 * 1000
"""A profile is forgotten when its visitor was away for so long."""


class People:
    """What was read. All that is asked of the store is part of one errand, and raises `StoreError` when that fails."""

    def __init__(self, store: Store, site: str, errand: Errand) -> None:
        self._store = store
        self._site = site
        self._errand = errand
        self._records: dict[Digest, bytes | None] = {}

    def root(self, visitor: Digest) -> Digest:
        """The id under which this visitor's history is kept; they were settled."""
        return identity.root(visitor, self._records)

    def stored(self, visitor: Digest) -> bytes | None:
        """The bytes that are kept under this id."""
        return self._records[visitor]

    async def read(self, visitors: Iterable[Digest]) -> None:
        """Read what is kept under these ids, again if need be."""
        visitors = list(dict.fromkeys(visitors))
        commands = [self._store.profiles.read_command(self._site, visitor) for visitor in visitors]
        for visitor, stored in zip(visitors, await self._errand.acknowledged(commands), strict=True):
            self._records[visitor] = stored

    async def settle(self, visitor: Digest) -> None:
        """Read on to where this visitor's history is, and finish what is half-moved on the way."""
        await self._write_all(lambda: identity.finishing(visitor, self._records))

    async def link(self, known_as: Digest, user: Digest) -> None:
        """This id turns out to be this user's: move its history there."""
        await self._write_all(lambda: identity.linking(known_as, user, self._records))

    def kept_alive(self, visitors: Iterable[Digest]) -> list[Command]:
        """What keeps the notes that lead from these ids to their histories as long as those."""
        notes = [visitor for visitor in dict.fromkeys(visitors) if identity.moved(self._records[visitor]) is not None]
        return [self._store.profiles.keep_command(self._site, visitor, PROFILE_TTL) for visitor in notes]

    def write_command(self, write: Write, notice: Notice = NOTHING) -> Command:
        """Write this, and in the same step what follows for webhooks, if what is there still is what was read."""
        visitor, old, new = write
        if notice:
            return self._store.queues.write_command(self._site, visitor, old, new, PROFILE_TTL, *notice)
        return self._store.profiles.compare_and_set_command(self._site, visitor, old, new, PROFILE_TTL)

    async def _write_all(self, next_write: Callable[[], Write | None]) -> None:
        race = self._errand.race()
        while True:
            try:
                write = next_write()
            except Unread as unread:
                await self.read((unread.visitor,))
                continue
            if write is None:
                return
            (done,) = await self._errand.acknowledged((self.write_command(write),))
            if done:
                self._records[write.visitor] = write.new
            else:
                await race.lost()
                await self.read((write.visitor,))
