"""Records a batch: outcomes and events go to the logs of policies, and activities to the profiles of visitors.

Sending a batch again is harmless. A slot counts each reward once, an event is appended once for its message id, and a
profile ignores repeated messages. So if the store fails anywhere, the whole batch is refused and may be sent again.
If anything else fails, the batch is divided until only the messages that cannot be recorded are rejected.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from edgewise.budgets.source_budgets import OUTCOMES, BudgetName, SourceBudgets
from edgewise.errors import StoreError
from edgewise.events.event_batch import EventBatch
from edgewise.events.not_shown_report import NotShownView, count_views, is_report, read_report
from edgewise.events.parser import EventParser, MessageRejected, ParsedEvent
from edgewise.events.profile_records import UNKNOWN_TTL, ProfileRecords
from edgewise.events.profile_writer import ProfileWriter
from edgewise.events.store_batch import StoreBatch
from edgewise.events.visitor_locks import VisitorLocks
from edgewise.events.webhook_steps import WebhookSteps
from edgewise.ids.decision import DecisionIds
from edgewise.ids.user_proof import UserProof
from edgewise.logs import FaultLog
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.store import Store
from edgewise.types import Consent, Digest, Milliseconds
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.message import Message
from edgewise.visitors.robots import MESSAGES_A_SECOND, MESSAGES_AT_ONCE, RateLimit
from edgewise.wall_clock import now_ms

log = logging.getLogger(__name__)

_faults = FaultLog(log, "A message could not be recorded: %s.")

PATIENCE = 5.0
"""Seconds that a batch may take."""

PARSED_AT_ONCE = 50
"""Other requests have a turn between the parsing of so many messages."""

INTERNAL_ERROR = "internal_error"
"""The code of a rejection that is the server's fault."""

Reason: TypeAlias = Literal["robot", "consent", "unproven"]
"""Why a message is dropped without being refused."""

OnDropped: TypeAlias = Callable[[str, Reason, int], None]
"""Called with the site, the reason and the number of messages."""


class Rejection(Struct, frozen=True):
    """A message of a batch that was refused: its position in the batch, and why."""

    index: int
    code: str
    message: str


def report_fault(fault: Exception) -> None:
    """Log an unexpected error of a batch."""
    _faults.report(fault)


def reject_after(fault: Exception, index: int) -> Rejection:
    """Log an unexpected error, and return the rejection of the message that it happened with."""
    report_fault(fault)
    return Rejection(index, INTERNAL_ERROR, "The server failed on this message and did not keep it. See its log.")


class Sender(NamedTuple):
    """The address of a sender whose budgets apply, and whether the user ids that count are proven."""

    source: str | None
    users_are_proven: bool


class PlacedEvent(NamedTuple):
    """A parsed message, and its position in the batch."""

    place: int
    event: ParsedEvent


class ParsedBatch(NamedTuple):
    """The parsed messages of a batch: events to store, views of default content, refused and dropped messages."""

    events: list[PlacedEvent]
    views: list[NotShownView]
    rejections: list[Rejection]
    dropped: Counter[Reason]


class Recorder:
    """Records what visitors did. `find` returns the placement of a policy id, `patience` is in seconds."""

    def __init__(
        self,
        store: Store,
        ids: DecisionIds,
        find: Callable[[bytes], ServedPlacement | None],
        patience: float = PATIENCE,
        on_dropped: OnDropped | None = None,
        budgets: SourceBudgets | None = None,
    ) -> None:
        self._store = store
        self._ids = ids
        self._find = find
        self._patience = patience
        self._on_dropped = on_dropped
        self._budgets = budgets
        self._locks = VisitorLocks()
        self._rate = RateLimit(MESSAGES_A_SECOND, MESSAGES_AT_ONCE)

    async def record(
        self,
        site: ServedSite,
        messages: Iterable[tuple[int, Message]],
        sent_at: Milliseconds | None,
        proof: UserProof,
        consent: Consent | None = None,
        watched: bool = False,
        browser: Browser = UNKNOWN,
        source: str | None = None,
    ) -> list[Rejection]:
        """Record messages, each with its position in the batch. Return those that were refused.

        All others are stored on return, except those without consent, those whose only id is not proven and, if
        `watched`, those of robots. `sent_at` is when the batch was sent, on the sender's clock. `proof` decides which
        user ids count. `consent` is the batch's, for all its messages. `browser` is the visitor's, if it sent the
        batch. `source` is the address of a sender whose budgets apply.

        Raises:
            StoreError: the store did not acknowledge everything. Sending the batch again is harmless.
        """
        parser = EventParser(site, self._ids, self._find, now_ms(), sent_at, proof, consent, browser)
        batch = await self._parse(site, parser, messages, watched=watched, source=source)
        store_batch = StoreBatch(self._store, self._patience)
        sender = Sender(source, proof.is_server or proof.is_needed)
        async with self._locks.hold(site.name, _all_ids(one.event for one in batch.events), store_batch.deadline):
            failed = await self._write_all(site, batch.events, store_batch, sender)
        try:
            await count_views(self._store, batch.views, store_batch)
        except StoreError:
            raise
        except Exception as fault:  # noqa: BLE001  # The events are stored.
            report_fault(fault)
        if self._on_dropped is not None:
            for reason, count in batch.dropped.items():
                self._on_dropped(site.name, reason, count)
        return batch.rejections + failed

    async def _parse(
        self,
        site: ServedSite,
        parser: EventParser,
        messages: Iterable[tuple[int, Message]],
        *,
        watched: bool,
        source: str | None,
    ) -> ParsedBatch:
        """Parse messages one by one. One that fails is rejected alone."""
        batch = ParsedBatch([], [], [], Counter())
        for number, (index, message) in enumerate(messages, 1):
            if number % PARSED_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                if is_report(message):
                    batch.views.append(read_report(site, message))
                    continue
                event = parser.parse(message)
                if source is not None and not isinstance(event, str):
                    self._check_outcome(site, event)
            except MessageRejected as rejected:
                batch.rejections.append(Rejection(index, rejected.code, str(rejected)))
            except StoreError:
                raise
            except Exception as fault:  # noqa: BLE001  # One message must not affect the others.
                batch.rejections.append(reject_after(fault, index))
            else:
                if isinstance(event, str):
                    batch.dropped[event] += 1
                elif watched and self._is_robot(site, event):
                    batch.dropped["robot"] += 1
                else:
                    batch.events.append(PlacedEvent(index, event))
        return batch

    async def _write_all(
        self, site: ServedSite, events: Sequence[PlacedEvent], store_batch: StoreBatch, sender: Sender
    ) -> list[Rejection]:
        """Write all events together. If that fails, write each half. Return the rejections of those that fail alone."""
        try:
            await self._write(site, [one.event for one in events], store_batch, sender)
        except StoreError:
            raise
        except Exception as fault:  # noqa: BLE001  # The other messages of the batch may be right.
            rejection = reject_after(fault, events[0].place)
            if len(events) == 1:
                return [rejection]
            middle = len(events) // 2
            halves = (events[:middle], events[middle:])
            return [one for half in halves for one in await self._write_all(site, half, store_batch, sender)]
        return []

    async def _write(
        self, site: ServedSite, events: Sequence[ParsedEvent], store_batch: StoreBatch, sender: Sender
    ) -> None:
        """Write events in their order. A link holds for the events after it, as if each had come alone."""
        source, users_are_proven = sender
        unknown_ttl = 0 if source is None else UNKNOWN_TTL
        records = ProfileRecords(self._store, site.name, store_batch, unknown_ttl, users_are_proven=users_are_proven)
        await records.load(_all_ids(events))
        start = 0
        for position, event in enumerate(events):
            if await records.need_links(event.links, event.activity.message):
                await self._write_part(site, events[start:position], records, store_batch, sender)
                start = position
                for known_as, user in event.links:
                    if records.stored(known_as) is not None or self._may("visitors", site, source):
                        await records.link(known_as, user)
        await self._write_part(site, events[start:], records, store_batch, sender)

    async def _write_part(
        self,
        site: ServedSite,
        events: Sequence[ParsedEvent],
        records: ProfileRecords,
        store_batch: StoreBatch,
        sender: Sender,
    ) -> None:
        source = sender.source
        count_reward = None if self._budgets is None else partial(self._budgets.count_reward_command, source)
        batch = EventBatch(site, events, records, partial(self._may, "visitors", site, source), count_reward)
        await batch.resolve_visitors()
        updates = batch.updates()
        may_fire = partial(self._may, "webhooks", site, source)
        webhook_steps = WebhookSteps(self._store, site.name, site.triggers, records, store_batch, may_fire)
        writer = ProfileWriter(self._store, site.name, records, store_batch, webhook_steps)
        await writer.write(batch.admitted(updates), batch, appends=batch.commands(self._store))

    def _may(self, name: BudgetName, site: ServedSite, source: str | None) -> bool:
        """Take one from a budget of the source. A sender without one is not limited."""
        return source is None or self._budgets is None or self._budgets.take(name, site.name, source)

    def _check_outcome(self, site: ServedSite, event: ParsedEvent) -> None:
        """
        Raises:
            MessageRejected: the event's decision has too many outcomes already.
        """
        if event.outcome is None or self._budgets is None:
            return
        _, outcome = event.outcome
        if not self._budgets.take_outcome(site.name, outcome.key):
            message = f"properties.decisionId: Expected at most {OUTCOMES} outcomes of a decision, found more."
            raise MessageRejected("too_many_outcomes", message)

    def _is_robot(self, site: ServedSite, event: ParsedEvent) -> bool:
        """Whether the visitor sends more than a person does. Without an id, that cannot be known."""
        return bool(event.activity.ids) and self._rate.exceeded(site.name, event.activity.ids[0])


def _all_ids(events: Iterable[ParsedEvent]) -> Iterator[Digest]:
    for event in events:
        yield from event.visitors
        yield from (known_as for known_as, _ in event.links)
