"""How a batch is recorded: outcomes and events go to the policies' logs, and everything to the visitors' profiles.

Sending a batch again is harmless: a slot remembers what paid it, an un-linked event is appended once for its message
id, and a profile drops repeats. So when the store fails anywhere, the whole batch is refused, and may be sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from edgewise.entries import Event, encode
from edgewise.events.parser import Listener, Rejected, Telling
from edgewise.events.profile_records import People
from edgewise.events.profile_writer import Histories
from edgewise.events.retry import Errand
from edgewise.events.visit import Visit
from edgewise.events.visitor_locks import Turns
from edgewise.ids.decision import DecisionIds
from edgewise.serving.served import ServedPlacement, ServedSite
from edgewise.store import Command, Store
from edgewise.store.exposures import Showings
from edgewise.types import Consent, Digest, Milliseconds
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.message import Message
from edgewise.visitors.robots import MESSAGES_A_SECOND, MESSAGES_AT_ONCE, Rate
from edgewise.wall_clock import now_ms

PATIENCE = 5.0
"""Seconds that a batch may take."""


Reason: TypeAlias = Literal["robot", "consent"]
"""Why nothing of a message is kept."""

LeftOut: TypeAlias = Callable[[str, Reason, int], None]


class Rejection(Struct, frozen=True):
    """A message of a batch that was not taken: its place in the batch, and why."""

    index: int
    code: str
    message: str


class Recorder:
    """Records what visitors did. `find` gives the placement that a decision id leads to.

    `patience` is how many seconds a batch may take. `left_out` is told of messages of which nothing is kept: of which
    site, why, and how many.
    """

    def __init__(
        self,
        store: Store,
        ids: DecisionIds,
        find: Callable[[bytes], ServedPlacement | None],
        patience: float = PATIENCE,
        left_out: LeftOut | None = None,
    ) -> None:
        self._store = store
        self._ids = ids
        self._find = find
        self._patience = patience
        self._left_out = left_out
        self._turns = Turns()
        self._rate = Rate(MESSAGES_A_SECOND, MESSAGES_AT_ONCE)

    async def record(
        self,
        site: ServedSite,
        messages: Iterable[tuple[int, Message]],
        sent_at: Milliseconds | None,
        consent: Consent | None = None,
        watched: bool = False,
        browser: Browser = UNKNOWN,
    ) -> list[Rejection]:
        """Record these messages (each with its place in the batch), and return those that were refused.

        `sent_at` is when the batch was sent, on the sender's clock; `consent` is what it says of all its messages, and
        `browser` the visitor's, if that has sent it. All others are stored when this returns, as far as their visitors
        consent and, when they are `watched`, do no more than a visitor can.

        Raises:
            StoreError: the store did not acknowledge all of it. Some may be stored; sending all again is harmless.
        """
        now = now_ms()
        listener = Listener(site, self._ids, self._find, now, sent_at, consent, browser)
        tellings: list[Telling] = []
        rejections: list[Rejection] = []
        left_out: Counter[Reason] = Counter()
        for index, message in messages:
            try:
                telling = listener.understand(message)
            except Rejected as rejected:
                rejections.append(Rejection(index, rejected.code, str(rejected)))
            else:
                if telling is None:
                    left_out["consent"] += 1
                elif watched and self._is_robot(site, telling):
                    left_out["robot"] += 1
                else:
                    tellings.append(telling)
        errand = Errand(self._store, self._patience)
        async with self._turns.of(site.name, _ids_in(tellings), errand.deadline):
            await self._keep(site, tellings, errand)
        if self._left_out is not None:
            for reason, count in left_out.items():
                self._left_out(site.name, reason, count)
        return rejections

    async def _keep(self, site: ServedSite, tellings: Sequence[Telling], errand: Errand) -> None:
        """Append to the logs and write the profiles."""
        people = People(self._store, site.name, errand)
        await _meet(people, tellings)
        visits = _visits(people, tellings)
        appends = [command for telling in tellings for command in self._appends(site, telling, people, visits)]
        appends += people.kept_alive(visitor for telling in tellings for visitor in telling.visitors)

        def anew(lost: Iterable[Visit]) -> Sequence[Visit]:
            acts = {id(act) for visit in lost for act in visit.acts}
            return list(_visits(people, (telling for telling in tellings if id(telling.act) in acts)).values())

        histories = Histories(self._store, site.name, site.triggers, people, errand)
        await histories.write(list(visits.values()), anew, appends)

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


def _ids_in(tellings: Iterable[Telling]) -> Iterator[Digest]:
    """All ids that the batch names."""
    for telling in tellings:
        yield from telling.visitors
        yield from (known_as for known_as, _ in telling.links)


async def _meet(people: People, tellings: Sequence[Telling]) -> None:
    """Read who the batch is of, and make one of those who turn out to be one."""
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
