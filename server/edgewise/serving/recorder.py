"""How a batch is recorded: outcomes and events go to the policies' logs, and everything to the visitors' profiles.

Sending a batch again is harmless: a slot remembers what paid it, an un-linked event is appended once for its message
id, and a profile drops repeats. So when the store fails anywhere, the whole batch is refused, and may be sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from edgewise.entries import Event, encode
from edgewise.errors import StoreUnavailable
from edgewise.serving.decision_id import DecisionIds
from edgewise.serving.follower import ServedPlacement, ServedSite
from edgewise.serving.people import ATTEMPTS, People
from edgewise.serving.telling import Listener, Rejected, Telling
from edgewise.serving.triggers import NOTHING, Notice, is_met_field
from edgewise.serving.visit import Visit
from edgewise.store import Command, Store
from edgewise.store.showings import Showings, fields_of
from edgewise.types import Consent, Digest, Milliseconds
from edgewise.visitors.identity import Write
from edgewise.visitors.message import Message
from edgewise.visitors.robots import MESSAGES_A_SECOND, MESSAGES_AT_ONCE, Rate

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a batch may take."""

_TOGETHER = 64
"""Commands that leave together: decisions share the lane, and must not wait for the whole of a large batch."""


class Rejection(Struct, frozen=True):
    """A message of a batch that was not taken: its place in the batch, and why."""

    index: int
    code: str
    message: str


class Recorder:
    """Records what visitors did. `find` gives the placement that a decision id leads to."""

    def __init__(self, store: Store, ids: DecisionIds, find: Callable[[bytes], ServedPlacement | None]) -> None:
        self._store = store
        self._ids = ids
        self._find = find
        self._rate = Rate(MESSAGES_A_SECOND, MESSAGES_AT_ONCE)

    async def record(
        self,
        site: ServedSite,
        messages: Iterable[tuple[int, Message]],
        sent_at: Milliseconds | None,
        consent: Consent | None = None,
        watched: bool = False,
    ) -> list[Rejection]:
        """Record these messages (each with its place in the batch), and return those that were refused.

        `sent_at` is when the batch was sent, on the sender's clock; `consent` is what it says of all its messages. All
        others are stored when this returns, as far as their visitors consent and, when they are `watched`, do no more
        than a visitor can.

        Raises:
            StoreError: the store did not acknowledge all of it. Some may be stored; sending all again is harmless.
        """
        listener = Listener(site, self._ids, self._find, time.time_ns() // 1_000_000, sent_at, consent)
        tellings: list[Telling] = []
        rejections: list[Rejection] = []
        for index, message in messages:
            try:
                telling = listener.understand(message)
            except Rejected as rejected:
                rejections.append(Rejection(index, rejected.code, str(rejected)))
            else:
                if telling is not None and not (watched and self._is_robot(site, telling)):
                    tellings.append(telling)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        people = People(self._store, site.name, partial(self._acknowledged, deadline=deadline))
        await _meet(people, tellings)
        visits = _visits(people, tellings)
        appends = [command for telling in tellings for command in self._appends(site, telling, people, visits)]
        appends += people.kept_alive(visitor for telling in tellings for visitor in telling.visitors)
        await self._write(site, people, tellings, list(visits.values()), appends, deadline)
        return rejections

    def _is_robot(self, site: ServedSite, telling: Telling) -> bool:
        """Whether whoever did this does more than a visitor can. Of one who is not named nobody knows."""
        return bool(telling.act.ids) and self._rate.exceeded(site.name, telling.act.ids[0])

    def _appends(
        self, site: ServedSite, telling: Telling, people: People, visits: Mapping[Digest, Visit]
    ) -> list[Command]:
        """What a message adds to the logs: one outcome, or one event for each policy that its name pays; and
        what it bars its visitor from seeing again."""
        act = telling.act
        bars = _bars(site, telling, people, visits)
        if telling.outcome is not None:
            ref, outcome = telling.outcome
            return [self._store.log.append_command(ref, encode(outcome)), *bars]
        paying = [
            placement.ref
            for placement in (site.placements.values() if act.kind == "track" else ())
            if act.name in placement.compiled.policy.reward.events
        ]
        if not paying:
            return bars
        assert act.name is not None
        entry = encode(Event(_known(telling, people, visits), act.name, telling.age, act.message))
        return [*(self._store.log.append_event_command(ref, act.message, entry) for ref in paying), *bars]

    async def _write(
        self,
        site: ServedSite,
        people: People,
        tellings: Sequence[Telling],
        visits: Sequence[Visit],
        appends: Sequence[Command],
        deadline: float,
    ) -> None:
        """Append to the logs and write the profiles; those that someone else wrote meanwhile are read again."""
        for _ in range(ATTEMPTS):
            visits = [visit for visit in visits if visit.changed]
            notices = await self._notices(site, visits, deadline)
            writes = [
                people.write_command(Write(visit.visitor, visit.stored, visit.profile.encode()), notice)
                for visit, notice in zip(visits, notices, strict=True)
            ]
            replies = await self._acknowledged([*appends, *writes], deadline)
            written = replies[len(appends) :]
            fired = [
                visit.visitor
                for visit, notice, done in zip(visits, notices, written, strict=True)
                if done and notice.jobs
            ]
            await self._acknowledged(
                [self._store.queues.ring_command(site.name, one, _now()) for one in fired], deadline
            )
            visits, appends = [visit for visit, done in zip(visits, written, strict=True) if not done], ()
            if not visits:
                return
            await people.read(visit.visitor for visit in visits)
            for visit in visits:  # Meanwhile it may have become someone else's.
                await people.settle(visit.visitor)
            again = {id(act) for visit in visits for act in visit.acts}
            visits = list(_visits(people, (telling for telling in tellings if id(telling.act) in again)).values())
        raise StoreUnavailable(f"profile of a visitor: found it changed {ATTEMPTS} times, expected to write it between")

    async def _notices(self, site: ServedSite, visits: Sequence[Visit], deadline: float) -> Sequence[Notice]:
        """What each visit means for the site's webhooks. Read after the profiles: both change in one step.

        Who has something to be sent is announced first, so that the courier comes even if this process dies; who cannot
        be, because too many wait, fires later.
        """
        if not site.triggers:
            return [NOTHING] * len(visits)
        queues = self._store.queues
        known_as = [(*sorted(visit.known_as - {visit.visitor}), visit.visitor) for visit in visits]
        reads = [queues.read_command(site.name, one) for ids in known_as for one in ids]
        replies = iter(await self._acknowledged(reads, deadline))
        notices = []
        for visit, ids in zip(visits, known_as, strict=True):
            *others, own = (fields_of(next(replies)) for _ in ids)
            state = {field: value for other in others for field, value in other.items() if is_met_field(field)}
            notices.append(site.triggers.notice(visit.profile, {**state, **own}, visit.named, _now()))
        soon = [place for place, notice in enumerate(notices) if notice.is_to_be_looked_at]
        commands = [queues.announce_command(site.name, visits[place].visitor, _now()) for place in soon]
        for place, announced in zip(soon, await self._acknowledged(commands, deadline), strict=True):
            if not announced:
                log.error(
                    "%s: too many visitors wait for webhooks to be sent; expected a courier that does it", site.name
                )
                notices[place] = NOTHING
        return notices

    async def _acknowledged(self, commands: Sequence[Command], deadline: float) -> list[Any]:
        """The store's replies, in order. The commands are executed in order too, except scripts that are new to it."""
        replies: list[Any] = []
        for start in range(0, len(commands), _TOGETHER):
            waiting: list[asyncio.Future[Any]] = []
            try:
                for command in commands[start : start + _TOGETHER]:
                    waiting.append(self._store.lane.submit(command, deadline))
            finally:
                answers = await asyncio.gather(*waiting, return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            replies += answers
        return replies


async def _meet(people: People, tellings: Iterable[Telling]) -> None:
    """Read who the batch is of, and make one of those who turn out to be one."""
    tellings = list(tellings)
    links = dict.fromkeys(link for telling in tellings for link in telling.links)
    visitors = dict.fromkeys(visitor for telling in tellings for visitor in telling.visitors)
    await people.read((*visitors, *(known_as for known_as, _ in links)))
    for known_as, user in links:
        await people.link(known_as, user)
    for visitor in visitors:
        await people.settle(visitor)


def _known(telling: Telling, people: People, visits: Mapping[Digest, Visit]) -> tuple[Digest, ...]:
    """Every id that is known of who did it."""
    before = visits[people.root(telling.visitors[-1])].profile.ids if telling.visitors else ()
    return tuple(dict.fromkeys((*telling.act.ids, *before)))


def _bars(site: ServedSite, telling: Telling, people: People, visits: Mapping[Digest, Visit]) -> list[Command]:
    """What is not to be shown again after this: what the decision showed that it speaks of, or all that heeds it."""
    event = telling.act.name if telling.act.kind == "track" else None
    if event is None:
        return []
    decision, slot, ref = b"", None, None
    if telling.outcome is not None:
        ref, outcome = telling.outcome
        decision, slot = outcome.key, outcome.slot
    return [
        Showings(site.name, visitor).bar_command(placement.ref.placement, event, decision, slot)
        for placement in site.placements.values()
        if event in placement.compiled.not_after and ref in (None, placement.ref)
        for visitor in _known(telling, people, visits)
    ]


def _visits(people: People, tellings: Iterable[Telling]) -> dict[Digest, Visit]:
    """What each visitor did, in order, by the id under which their history is kept."""
    visits: dict[Digest, Visit] = {}
    for telling in tellings:
        if not telling.visitors:
            continue
        root = people.root(telling.visitors[-1])
        visit = visits.setdefault(root, Visit(root))
        visit.acts.append(telling.act)
        visit.known_as.update(telling.visitors)
        visit.named = visit.named.then(telling.named)
    for root, visit in visits.items():
        visit.happens_to(people.stored(root))
    return visits


def _now() -> Milliseconds:
    return time.time_ns() // 1_000_000
