"""Histories: how what visitors did is written, and in the same step what follows from it for the site's webhooks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from edgewise.events.profile_records import People
from edgewise.events.retry import Errand
from edgewise.events.visit import Visit
from edgewise.store import Command, Store
from edgewise.store.exposures import fields_of
from edgewise.types import Digest
from edgewise.visitors.identity import Write
from edgewise.wall_clock import now_ms
from edgewise.webhooks.triggers import NOTHING, Notice, Triggers

log = logging.getLogger(__name__)


class Histories:
    """Writes the histories of these people of one site."""

    def __init__(self, store: Store, site: str, triggers: Triggers, people: People, errand: Errand) -> None:
        self._queues = store.queues
        self._site = site
        self._triggers = triggers
        self._people = people
        self._errand = errand

    async def write(
        self,
        visits: Sequence[Visit],
        anew: Callable[[Sequence[Visit]], Sequence[Visit]],
        appends: Sequence[Command] = (),
    ) -> None:
        """Write these, and send the appends with them. Those that someone else wrote meanwhile are read again: `anew`
        makes of them what is to be written then.

        Raises:
            StoreError: the store did not acknowledge all of it, or others always were quicker.
        """
        race = self._errand.race()
        while True:
            visits = [visit for visit in visits if visit.changed]
            lost = await self._attempt(visits, appends)
            if not lost:
                return
            await race.lost()
            await self._people.read(visit.visitor for visit in lost)
            for visit in lost:  # Meanwhile it may have become someone else's.
                await self._people.settle(visit.visitor)
            visits, appends = anew(lost), ()

    async def _attempt(self, visits: Sequence[Visit], appends: Sequence[Command]) -> list[Visit]:
        """Write these; those that were not, because what is there is not what was read."""
        looks = await self._looks(visits)
        writes = [
            self._people.write_command(Write(visit.visitor, visit.stored, visit.profile.encode()), look.notice)
            for visit, look in zip(visits, looks, strict=True)
        ]
        written = (await self._errand.acknowledged([*appends, *writes]))[len(appends) :]
        after: list[Command] = []
        for visit, look, done in zip(visits, looks, written, strict=True):
            if done and look.notice.jobs:
                after.append(self._queues.ring_command(self._site, visit.visitor, now_ms()))
            if done:  # An id may be handed on: what was met under it is not the next one's.
                after += [self._queues.forget_command(self._site, other) for other in look.moved]
        await self._errand.acknowledged(after)
        return [visit for visit, done in zip(visits, written, strict=True) if not done]

    async def _looks(self, visits: Sequence[Visit]) -> Sequence[_Look]:
        """What each visit means for the site's webhooks. Read after the profiles: both change in one step.

        Who has something to be sent is announced first, so that the courier comes even if this process dies; who cannot
        be, because too many wait, fires later.
        """
        if not self._triggers:
            return [_NOTHING] * len(visits)
        known_as = [(visit.visitor, *sorted(visit.known_as - {visit.visitor})) for visit in visits]
        reads = [self._queues.read_command(self._site, one) for ids in known_as for one in ids]
        replies = iter(await self._errand.acknowledged(reads))
        looks = []
        for visit, ids in zip(visits, known_as, strict=True):
            own, *others = (fields_of(next(replies)) for _ in ids)
            elsewhere = {field: value for other in others for field, value in other.items()}
            notice = self._triggers.notice(visit.profile, own, elsewhere, visit.named, now_ms(), visit.was_there)
            moved = [id for id, other in zip(ids[1:], others, strict=True) if other]
            looks.append(_Look(notice, moved))
        soon = [place for place, look in enumerate(looks) if look.notice.is_to_be_looked_at]
        commands = [self._queues.announce_command(self._site, visits[place].visitor, now_ms()) for place in soon]
        for place, announced in zip(soon, await self._errand.acknowledged(commands), strict=True):
            if not announced:
                log.error(
                    "%s: too many visitors wait for webhooks to be sent; expected a courier that does it", self._site
                )
                looks[place] = _NOTHING
        return looks


class _Look(NamedTuple):
    """What follows from a visit, and the ids under which something was remembered that has moved here."""

    notice: Notice
    moved: Sequence[Digest]


_NOTHING = _Look(NOTHING, ())
