"""Learns one policy: folds what was read of its log and publishes the model."""

from __future__ import annotations

import logging
import time

from edgewise.entries import Tick, encode
from edgewise.learner.fold import Fold, ShapeChanged
from edgewise.learner.log_clock import TICK_EVERY, LogClock
from edgewise.learner.version_loader import VersionLoader, first_to_read, is_in_log
from edgewise.store import Checkpoint, Page, Store
from edgewise.types import BEGINNING, Digest, Milliseconds, PolicyRef, StreamId

log = logging.getLogger(__name__)

PUBLISH_EVERY = 0.9
"""Seconds between two publications while decisions are learned."""

REST_AFTER = 10.0
"""Seconds without a decision to learn until the model is kept as bytes alone."""

CHECKPOINT_EVERY = 5.0
"""Seconds between two checkpoints while entries arrive but nothing is learned."""


class PolicyLearner:
    """Folds one policy's log under an epoch of its own, and publishes checkpoints."""

    def __init__(self, store: Store, ref: PolicyRef) -> None:
        self.ref = ref
        self.read_from = BEGINNING
        self.epoch = 0
        self.ahead: Milliseconds = 0
        """How far the log is ahead of the store's clock."""
        self._store = store
        self._loader = VersionLoader(store, ref)
        self._clock = LogClock()
        self._fold: Fold | None = None
        self._model_version = 0
        self._last_read: StreamId | None = None
        self._publish_from = BEGINNING
        self._published: StreamId | None = None
        self._published_at = 0.0
        self._learned_at = 0.0
        self._newest_close: Milliseconds = 0

    @property
    def fold(self) -> Fold | None:
        """The fold, None before `start`."""
        return self._fold

    async def start(self, *, from_nothing: bool = False) -> bool:
        """Take over the policy under a new epoch and continue from its checkpoint. Returns False without a version.

        With `from_nothing`, the checkpoint is ignored. It belongs to a model of another shape. Its shape can be the
        current one, if the policy was edited and edited back.

        Raises:
            StoreError: the store does not answer, or lacks a version.
        """
        self._fold = None
        current = (await self._store.versions.current([self.ref])).get(self.ref)
        if current is None:
            return False
        self.epoch = await self._store.checkpoints.raise_epoch(self.ref)
        last = await self._store.log.last_id(self.ref)
        checkpoint = None if from_nothing else await self._newest_checkpoint(current.shape)
        if checkpoint is None:
            self._fold = await self._loader.begin(current.version, current.shape, current.id)
            # Until the whole log is folded, the published model is better than an incomplete new one.
            self._publish_from = last or BEGINNING
            self._published, self._newest_close = None, 0
        else:
            version, since = checkpoint.policy_version, checkpoint.shape_since
            self._fold = await self._loader.begin(version, checkpoint.shape, since, checkpoint)
            self._publish_from = checkpoint.position
            self._published, self._newest_close = checkpoint.position, checkpoint.newest_close
        self.read_from, self._last_read = first_to_read(checkpoint), None
        log.info("%s/%s: Learning from log position %s, epoch %d.", *self.ref, self.read_from, self.epoch)
        return True

    async def fold_page(self, page: Page) -> bool:
        """Fold a page that was read from `read_from` on. Returns whether there was anything new.

        Raises:
            StoreError: the store does not answer, or lacks a version.
        """
        if self._fold is None:
            return await self.start()
        entries = page.entries
        if self._last_read is not None:
            if not entries or entries[0][0] != self._last_read:
                log.warning("%s/%s: the store lost the log from %s on.", *self.ref, self._last_read)
                return await self.start()
            entries = entries[1:]
        try:
            await self._loader.advance(self._fold, entries)
        except ShapeChanged as change:
            log.info("%s/%s: %s The log is folded again.", *self.ref, change)
            return await self.start(from_nothing=True)
        finally:
            if self._fold is not None and self._fold.position != BEGINNING:
                self.read_from = self._last_read = self._fold.position
        self.ahead = max(0, self._fold.position.ms - page.now)
        return await self._tick(self._fold, page.now, is_quiet=not entries) or bool(entries)

    async def publish_if_due(self) -> None:
        """Publish about once a second after learning, and less often after reading alone.

        Raises:
            StoreError: the store does not answer, or another learner has taken over.
        """
        fold = self._fold
        if fold is None:
            return
        if not fold.unpublished and time.monotonic() - self._learned_at >= REST_AFTER:
            fold.rest()
        if fold.position == self._published:
            return
        waited = time.monotonic() - self._published_at
        has_news = bool(fold.unpublished) or self._published is None
        if waited >= CHECKPOINT_EVERY or (waited >= PUBLISH_EVERY and has_news):
            await self.publish()

    async def publish(self) -> Checkpoint | None:
        """Write a checkpoint, which publishes its model. Returns None while nothing may be published.

        Raises:
            StoreError: the store does not answer, or another learner has taken over.
        """
        fold = self._fold
        if fold is None or fold.version is None or not fold.caught_up or fold.position < self._publish_from:
            return None
        is_first = self._published is None
        checkpoint = self._checkpoint(fold, fold.version)
        self._model_version = await self._store.checkpoints.write(self.ref, checkpoint)
        self._newest_close = checkpoint.newest_close
        self._published, self._published_at = fold.position, time.monotonic()
        if fold.unpublished:
            self._learned_at = self._published_at
            fold.unpublished.clear()
        if is_first:
            # Bases of an earlier fold lead to another model.
            await self._store.checkpoints.drop_bases(self.ref, fold.position, self.epoch)
        return checkpoint

    async def _tick(self, fold: Fold, store_time: Milliseconds, *, is_quiet: bool) -> bool:
        """Append a tick if the log needs one to close its windows. Returns whether it did."""
        due = fold.due
        if due is None:
            self._clock.stop()
            return False
        now = self._clock.read(fold.position.ms, store_time)
        if now == store_time:
            if not is_quiet or due > now:
                return False
            await self._store.log.append(self.ref, encode(Tick()))
            return True
        if due > now and now - fold.position.ms < TICK_EVERY:
            return False
        return await self._store.log.append_at(self.ref, now, encode(Tick()))

    async def _newest_checkpoint(self, shape: Digest) -> Checkpoint | None:
        """The newest checkpoint or base of this shape whose entries are still in the log."""
        checkpoints = self._store.checkpoints
        live = await checkpoints.read(self.ref)
        if live is None or live.shape != shape or await checkpoints.needs_new_fold(self.ref):
            return None
        self._model_version = live.model_version
        if await is_in_log(self._store, self.ref, live):
            return live
        log.warning("%s/%s: the log does not have the checkpoint's entries at %s.", *self.ref, live.position)
        for position in reversed(await checkpoints.bases(self.ref)):
            base = await checkpoints.read_base(self.ref, position)
            if base is None or base.shape_since != live.shape_since:
                continue
            if await is_in_log(self._store, self.ref, base):
                return base
        return None

    def _checkpoint(self, fold: Fold, version: Digest) -> Checkpoint:
        closes = fold.unpublished
        return Checkpoint(
            epoch=self.epoch,
            position=fold.position,
            read_again=fold.read_again,
            shape=fold.shape.digest,
            shape_since=fold.since,
            policy_version=version,
            oldest_close=min(closes, default=self._newest_close),
            newest_close=max(closes, default=self._newest_close),
            model_version=self._model_version + 1,
            model=fold.serialize(),
            statistics=fold.statistics.encode(),
        )
