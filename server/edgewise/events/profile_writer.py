"""Writes updated profiles, and in the same step the state and messages of the site's webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edgewise.events.profile_records import ProfileRecords
from edgewise.events.profile_update import ProfileUpdate
from edgewise.events.store_batch import StoreBatch
from edgewise.events.webhook_steps import WebhookSteps
from edgewise.store import Command, Store
from edgewise.visitors.identity import Write
from edgewise.wall_clock import now_ms


class UpdateSource(Protocol):
    """Makes profile updates from the content of a request."""

    def rebuild(self, lost: Sequence[ProfileUpdate]) -> list[ProfileUpdate]:
        """Make the updates that replace those that lost the compare-and-set, from the records that are loaded now."""


class ProfileWriter:
    """Writes the profiles of one request to one site."""

    def __init__(
        self, store: Store, site: str, records: ProfileRecords, store_batch: StoreBatch, webhook_steps: WebhookSteps
    ) -> None:
        self._queues = store.webhook_queues
        self._webhook_steps = webhook_steps
        self._site = site
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
        steps = await self._webhook_steps.prepare(updates)
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
