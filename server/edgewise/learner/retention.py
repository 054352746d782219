"""Keeps a policy's log within its retention.

Once a day a base is written, a checkpoint from which a rebuild can start. Retention moves only from base to base. The
log is trimmed to the id from which the oldest base must be read again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from edgewise.entries import Decision, Version, decode
from edgewise.errors import EntryError, Fenced, WritesLost
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.store import Store
from edgewise.types import Digest, Milliseconds, PolicyRef, StreamId

BASE_EVERY: Milliseconds = 24 * 3600 * 1000
"""The time between two bases, on the store's clock."""


class Retention:
    """Bounds policy logs by age. `retention` is how long entries are kept."""

    def __init__(self, store: Store, retention: Milliseconds) -> None:
        self._store = store
        self._retention = retention

    async def apply(self, learner: PolicyLearner) -> None:
        """Write a base if one is due, and remove entries that are too old.

        Raises:
            StoreError: the store does not answer, or another learner has taken over.
        """
        if learner.fold is None:
            return
        position = learner.fold.position
        bases = await self._store.checkpoints.bases(learner.ref)
        latest = bases[-1] if bases else await self._store.log.first_id(learner.ref)
        if latest is not None and position.ms - latest.ms >= BASE_EVERY:
            await self._write_base(learner)
        # While the log is ahead of the clock, its ids would make entries look older than they are.
        now = position.ms - learner.ahead
        expired = [base for base in bases if base.ms <= now - self._retention]
        if expired:
            await self._trim_to(learner, expired[-1])

    async def remove_history(self, learner: PolicyLearner) -> bool:
        """Remove every entry that no open decision needs. Returns False if there is none, or not yet.

        Raises:
            StoreError: the store does not answer, or another learner has taken over.
        """
        first = await self._store.log.first_id(learner.ref)
        if learner.fold is None or first is None or first >= learner.fold.read_again:
            return False
        base = await self._write_base(learner)
        if base is None:
            return False
        await self._trim_to(learner, base)
        return True

    async def remove_history_of_removed(self, ref: PolicyRef) -> None:
        """Remove the entries that the last checkpoint of a removed policy does not need.

        Raises:
            StoreError: the store does not answer.
        """
        checkpoints = self._store.checkpoints
        checkpoint, epoch = await checkpoints.read(ref), await checkpoints.epoch(ref)
        first = await self._store.log.first_id(ref)
        if checkpoint is None or first is None or first >= checkpoint.read_again:
            return
        if await checkpoints.needs_new_fold(ref):
            return
        checkpoint = replace(checkpoint, epoch=epoch)
        with suppress(Fenced, WritesLost):  # The policy comes back at this moment.
            await checkpoints.write_base(ref, checkpoint)
            await checkpoints.drop_bases(ref, checkpoint.position, epoch)
            await self._store.log.trim(ref, checkpoint.read_again)

    async def _write_base(self, learner: PolicyLearner) -> StreamId | None:
        checkpoint = await learner.publish()
        if checkpoint is None:
            return None
        await self._store.checkpoints.write_base(learner.ref, checkpoint)
        return checkpoint.position

    async def _trim_to(self, learner: PolicyLearner, position: StreamId) -> None:
        """Make this base the oldest. Older bases go first, because a rebuild from them would need the trimmed log."""
        ref = learner.ref
        base = await self._store.checkpoints.read_base(ref, position)
        if base is None:
            return
        await self._store.checkpoints.drop_bases(ref, position, learner.epoch)
        if await self._store.log.trim(ref, base.read_again):
            named = await self._named_versions(learner)
            await self._store.versions.expire_blobs(ref, named | {base.policy_version})

    async def _named_versions(self, learner: PolicyLearner) -> set[Digest]:
        """The versions that entries of the log name."""
        named: set[Digest] = set()
        async for page in self._store.log.pages(learner.ref):
            for _, data in page:
                try:
                    entry = decode(data)
                except EntryError:
                    continue
                if isinstance(entry, Decision | Version):
                    named.add(entry.version)
        return named
