"""What profile updates change in the webhook state of their visitors, and the messages that follow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from edgewise.events.profile_records import ProfileRecords
from edgewise.events.profile_update import ProfileUpdate
from edgewise.events.store_batch import StoreBatch
from edgewise.store import Command, Store
from edgewise.store.exposures import fields_of
from edgewise.store.webhook_queues import MOST_QUEUED
from edgewise.types import Digest
from edgewise.wall_clock import now_ms
from edgewise.webhooks.triggers import NO_UPDATE, Triggers, WebhookUpdate

log = logging.getLogger(__name__)


class WebhookStep(NamedTuple):
    """The webhook part of a profile update, and the other ids whose webhook state moved to its visitor."""

    update: WebhookUpdate
    moved: Sequence[Digest]


class WebhookSteps:
    """Prepares the webhook part of profile updates of one request to one site.

    `may_notify` is called before each change that needs the dispatcher. If it returns False, its webhooks fire later.
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

    async def prepare(self, updates: Sequence[ProfileUpdate]) -> list[WebhookStep]:
        """Evaluate the site's webhooks for each update. Their state is read after the profiles.

        Visitors that need the dispatcher are entered in its index before the write, in case this process dies after it.
        If the index is full, or the sender is over its budget, the webhooks of an update fire later. Strangers can fill
        half of the index. The rest is for visitors who came back, and for users.

        Raises:
            StoreError: the store does not answer.
        """
        if not self._triggers:
            return [WebhookStep(NO_UPDATE, ())] * len(updates)
        states_of, lifetimes = await self._read(updates)
        steps = [
            self._evaluate(update, states, self._may_notify) for update, states in zip(updates, states_of, strict=True)
        ]
        to_announce = [place for place, step in enumerate(steps) if step.update.needs_dispatch]
        commands = [self._announce_command(updates[place].visitor, lifetimes[place]) for place in to_announce]
        for place, is_announced in zip(to_announce, await self._store_batch.execute(commands), strict=True):
            if not is_announced:
                log.error("%s: Too many visitors wait for webhooks. Run `edgewise courier`.", self._site)
                steps[place] = self._evaluate(updates[place], states_of[place], lambda: False)
        return steps

    async def _read(
        self, updates: Sequence[ProfileUpdate]
    ) -> tuple[list[dict[Digest, Mapping[bytes, bytes]]], list[int]]:
        """Read the webhook state under all ids of each visitor, and how long each profile will be kept."""
        ids_of = [
            (update.visitor, *sorted({id for change in update.changes for id in change.digests} - {update.visitor}))
            for update in updates
        ]
        reads = [self._queues.read_command(self._site, id) for ids in ids_of for id in ids]
        lifetimes = [self._profiles.read_ttl_command(self._site, update.visitor) for update in updates]
        replies = iter(await self._store_batch.execute([*reads, *lifetimes]))
        states_of = [{id: fields_of(next(replies)) for id in ids} for ids in ids_of]
        return states_of, list(replies)

    def _evaluate(
        self, update: ProfileUpdate, states: Mapping[Digest, Mapping[bytes, bytes]], may_notify: Callable[[], bool]
    ) -> WebhookStep:
        """Evaluate after each change, so that the result does not depend on how messages are packed into batches."""
        now, state = now_ms(), dict(states[update.visitor])
        fields: dict[bytes, bytes | None] = {}
        messages: list[bytes] = []
        moved: set[Digest] = set()
        for profile, digests, ids, is_visit in update.changes:
            others = {id: states[id] for id in sorted(digests) if id != update.visitor and states[id]}
            other_state = {field: value for other in others.values() for field, value in other.items()}
            found = self._triggers.evaluate(profile, state, other_state, ids, now, is_visit)
            if found.needs_dispatch and not may_notify():
                continue
            moved.update(others)
            fields |= found.fields
            messages += found.messages[: MOST_QUEUED - len(messages)]  # The queue takes no more.
            changed = {**state, **found.fields}
            state = {field: value for field, value in changed.items() if value is not None}
        return WebhookStep(WebhookUpdate(fields, messages), sorted(moved))

    def _announce_command(self, visitor: Digest, lifetime: int) -> Command:
        is_known = self._records.is_known(visitor, lifetime)
        return self._queues.announce_command(self._site, visitor, now_ms(), is_known=is_known)
