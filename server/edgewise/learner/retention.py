"""Keeps a policy's log within its retention and its byte limit.

Once a day a base is written, a checkpoint from which a rebuild can start. Retention moves only from base to base. The
log is trimmed to the id from which the oldest base must be read again.
"""

from __future__ import annotations

import logging

from edgewise.entries import Cut, Decision, Version, decode, encode
from edgewise.errors import EntryError
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.store import Store
from edgewise.types import Digest, Milliseconds, StreamId

log = logging.getLogger(__name__)

BASE_EVERY: Milliseconds = 24 * 3600 * 1000
"""The time between two bases, on the store's clock."""


class Retention:
    """Bounds policy logs: `retention` is how long entries are kept, `log_bytes` the largest log."""

    def __init__(self, store: Store, retention: Milliseconds, log_bytes: int) -> None:
        self._store = store
        self._retention = retention
        self._log_bytes = log_bytes

    async def apply(self, learner: PolicyLearner) -> None:
        """Write a base if one is due, and remove what retention and the byte limit do not allow.

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
        expired = [base for base in bases if base.ms <= position.ms - self._retention]
        if expired:
            await self._trim_to(learner, expired[-1])
        if await self._store.log.size_bytes(learner.ref) > self._log_bytes:
            await self._shrink(learner)

    async def _shrink(self, learner: PolicyLearner) -> None:
        base = await self._write_base(learner)
        if base is None:
            return
        await self._trim_to(learner, base)
        if await self._store.log.size_bytes(learner.ref) > self._log_bytes:
            message = "%s/%s: the log exceeds %d bytes, so open decisions are cut and not learned."
            log.warning(message, *learner.ref, self._log_bytes)
            # After the fold has read the cut, no open decision holds the log.
            await self._store.log.append(learner.ref, encode(Cut()))

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
