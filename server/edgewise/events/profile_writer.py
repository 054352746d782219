"""Writes updated profiles, and in the same step the state and messages of the site's webhooks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from edgewise.events.profile_records import ProfileRecords
from edgewise.events.store_batch import StoreBatch
from edgewise.ids.visitor import VisitorIds
from edgewise.store import Command, Store
from edgewise.store.exposures import fields_of
from edgewise.types import Digest
from edgewise.visitors.activity import Activity
from edgewise.visitors.future_times import without_future_times
from edgewise.visitors.identity import Write, read_profile
from edgewise.wall_clock import now_ms
from edgewise.webhooks.triggers import NO_UPDATE, Triggers, WebhookUpdate

log = logging.getLogger(__name__)


class ProfileUpdate:
    """The update of one visitor's profile.

    - `visitor`: the digest of the id under which the profile is stored
    - `stored`: the record in the store, None for a new visitor
    - `profile`: the updated profile
    - `digests`: all ids that the request has for the visitor
    - `ids`: the latest ids as the request has them, for webhooks
    - `positions`: where the visitor's events are in the batch
    """

    __slots__ = ("activities", "digests", "ids", "positions", "profile", "stored", "visitor")

    def __init__(self, visitor: Digest, stored: bytes | None) -> None:
        self.visitor = visitor
        self.stored = stored
        self.profile = without_future_times(read_profile(stored), now_ms())
        self.activities: list[Activity] = []
        self.digests: set[Digest] = {visitor}
        self.ids = VisitorIds()
        self.positions: list[int] = []

    @property
    def is_visit(self) -> bool:
        """Whether the visitor did anything. Setting traits from a server does not count."""
        return bool(self.activities)

    @property
    def is_changed(self) -> bool:
        return self.profile.encode() != self.stored

    def add(self, position: int, activity: Activity, digests: Sequence[Digest], ids: VisitorIds) -> None:
        self.positions.append(position)
        self.activities.append(activity)
        self.digests.update(digests)
        self.ids = self.ids.updated_with(ids)
        self.profile = self.profile.apply(activity)


class UpdateSource(Protocol):
    """Makes profile updates from the content of a request."""

    def rebuild(self, lost: Sequence[ProfileUpdate]) -> list[ProfileUpdate]:
        """Make the updates that replace those that lost the compare-and-set, from the records that are loaded now."""


class _WebhookStep(NamedTuple):
    """The webhook part of an update, and the other ids whose webhook state moved to this visitor."""

    update: WebhookUpdate
    moved: Sequence[Digest]


_NO_STEP = _WebhookStep(NO_UPDATE, ())


class ProfileWriter:
    """Writes the profiles of one request to one site.

    `may_notify` is called before each update that needs the dispatcher. If it returns False, its webhooks fire later.
    """

    def __init__(
        self,
        store: Store,
        site: str,
        triggers: Triggers,
        records: ProfileRecords,
        store_batch: StoreBatch,
        may_notify: Callable[[], bool] = lambda: True,
    ) -> None:
        self._queues = store.webhook_queues
        self._profiles = store.profiles
        self._may_notify = may_notify
        self._site = site
        self._triggers = triggers
        self._records = records
        self._store_batch = store_batch

    async def write(
        self, updates: Sequence[ProfileUpdate], source: UpdateSource, appends: Sequence[Command] = ()
    ) -> None:
        """Send the appends and write the updates. Rebuild and write those again that lost the compare-and-set.

        Raises:
            StoreError: the store did not acknowledge everything, or other writers were always faster.
        """
        retry = self._store_batch.retry()
        while lost := await self._attempt([update for update in updates if update.is_changed], appends):
            await retry.backoff()
            await self._records.load(update.visitor for update in lost)
            for update in lost:  # The history may have moved to another id meanwhile.
                await self._records.resolve(update.visitor)
            updates, appends = source.rebuild(lost), ()

    async def _attempt(self, updates: Sequence[ProfileUpdate], appends: Sequence[Command]) -> list[ProfileUpdate]:
        """Write the updates. Return those that lost the compare-and-set."""
        steps = await self._webhook_steps(updates)
        writes = [
            self._records.write_command(Write(update.visitor, update.stored, update.profile.encode()), step.update)
            for update, step in zip(updates, steps, strict=True)
        ]
        replies = (await self._store_batch.execute([*appends, *writes]))[len(appends) :]
        after: list[Command] = []
        for update, step, is_written in zip(updates, steps, replies, strict=True):
            if is_written:
                self._records.replace(update.visitor, update.profile.encode())
            if is_written and step.update.messages:
                after.append(self._queues.wake_command(self._site, update.visitor, now_ms()))
            if is_written:  # The next visitor of an id must not inherit the conditions that this one met.
                after += [self._queues.forget_command(self._site, other) for other in step.moved]
        await self._store_batch.execute(after)
        return [update for update, is_written in zip(updates, replies, strict=True) if not is_written]

    async def _webhook_steps(self, updates: Sequence[ProfileUpdate]) -> Sequence[_WebhookStep]:
        """Evaluate the site's webhooks for each update. Their state is read after the profiles.

        Visitors that need the dispatcher are entered in its index before the write, in case this process dies after it.
        If the index is full, or the sender is over its budget, the webhooks of an update fire later. Strangers can fill
        half of the index. The rest is for visitors who came back, and for users.
        """
        if not self._triggers:
            return [_NO_STEP] * len(updates)
        ids_of = [(update.visitor, *sorted(update.digests - {update.visitor})) for update in updates]
        reads = [self._queues.read_command(self._site, id) for ids in ids_of for id in ids]
        lifetimes = [self._profiles.read_ttl_command(self._site, update.visitor) for update in updates]
        replies = iter(await self._store_batch.execute([*reads, *lifetimes]))
        steps = []
        for update, ids in zip(updates, ids_of, strict=True):
            state, *others = (fields_of(next(replies)) for _ in ids)
            other_state = {field: value for other in others for field, value in other.items()}
            webhook_update = self._triggers.evaluate(
                update.profile, state, other_state, update.ids, now_ms(), update.is_visit
            )
            moved = [id for id, other in zip(ids[1:], others, strict=True) if other]
            steps.append(_WebhookStep(webhook_update, moved))
        ttls = list(replies)
        to_announce = [place for place, step in enumerate(steps) if step.update.needs_dispatch]
        commands: list[Command] = []
        for place in to_announce.copy():
            if self._may_notify():
                visitor = updates[place].visitor
                is_known = self._records.is_known(visitor, ttls[place])
                commands.append(self._queues.announce_command(self._site, visitor, now_ms(), is_known=is_known))
            else:
                steps[place] = _NO_STEP
                to_announce.remove(place)
        for place, is_announced in zip(to_announce, await self._store_batch.execute(commands), strict=True):
            if not is_announced:
                log.error("%s: Too many visitors wait for webhooks. Run `edgewise courier`.", self._site)
                steps[place] = _NO_STEP
        return steps
