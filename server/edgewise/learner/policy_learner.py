"""One policy's learner: takes what was read of the log, publishes the model, keeps the log within its bounds."""

from __future__ import annotations

import logging
import time

from edgewise.entries import Cut, Decision, Tick, decode, encode
from edgewise.entries import Version as VersionEntry
from edgewise.errors import EntryError
from edgewise.learner.fold import Fold, ShapeChanged
from edgewise.learner.version_loader import Folding, first_to_read, stands_in_log
from edgewise.store import Checkpoint, Page, Store
from edgewise.types import BEGINNING, Digest, Milliseconds, PolicyRef, StreamId

log = logging.getLogger(__name__)

PUBLISH_EVERY = 0.9
"""Seconds between two publishings of what was newly learned."""

KEEP_EVERY = 5.0
"""Seconds between two checkpoints while entries come but nothing is learned from them."""

BASE_EVERY: Milliseconds = 24 * 3600 * 1000
"""How far apart bases are, on the store's clock."""


class PolicyLearner:
    """Folds one policy's log. `retention` and `log_bytes` bound the log."""

    def __init__(self, store: Store, ref: PolicyRef, retention: Milliseconds, log_bytes: int) -> None:
        self.ref = ref
        self.read_from = BEGINNING
        self._store = store
        self._retention = retention
        self._log_bytes = log_bytes
        self._folding = Folding(store, ref)
        self._fold: Fold | None = None
        self._epoch = 0
        self._model_version = 0
        self._last_read: StreamId | None = None
        self._publish_from = BEGINNING
        self._published: StreamId | None = None
        self._published_at = 0.0
        self._newest_close: Milliseconds = 0

    @property
    def fold(self) -> Fold | None:
        """The fold, None before `start`."""
        return self._fold

    async def start(self, anew: bool = False) -> bool:
        """Take the policy over under a new epoch, and stand where its checkpoint says. False: no version yet.

        With `anew` the checkpoint is passed over: it leads to a model of another shape, even where it has the current
        one, since the policy may have been edited and edited back.

        Raises:
            StoreError: the store does not answer, or lacks what is needed.
        """
        self._fold = None
        current = (await self._store.versions.current([self.ref])).get(self.ref)
        if current is None:
            return False
        self._epoch = await self._store.checkpoints.raise_epoch(self.ref)
        last = await self._store.log.last_id(self.ref)
        checkpoint = None if anew else await self._newest_checkpoint(current.shape)
        if checkpoint is None:
            self._fold = await self._folding.begin(current.version, current.shape, current.id)
            # Until the whole log is folded, the model that is published serves better than half a new one.
            self._publish_from = last or BEGINNING
            self._published, self._newest_close = None, 0
        else:
            version, since = checkpoint.policy_version, checkpoint.shape_since
            self._fold = await self._folding.begin(version, checkpoint.shape, since, checkpoint)
            self._publish_from = checkpoint.position
            self._published, self._newest_close = checkpoint.position, checkpoint.newest_close
        self.read_from, self._last_read = first_to_read(checkpoint), None
        log.info("%s/%s: learning from %s under epoch %d", *self.ref, self.read_from, self._epoch)
        return True

    async def take(self, page: Page) -> bool:
        """Fold what was read from `read_from` on; whether there was anything new.

        Raises:
            StoreError: the store does not answer, or lacks the blob of a version.
        """
        if self._fold is None:
            return await self.start()
        entries = page.entries
        if self._last_read is not None:
            if not entries or entries[0][0] != self._last_read:
                log.warning("%s/%s: the store lost the log from %s on", *self.ref, self._last_read)
                return await self.start()
            entries = entries[1:]
        try:
            await self._folding.advance(self._fold, entries)
        except ShapeChanged as change:
            log.info("%s/%s: %s, so the log is folded anew", *self.ref, change)
            return await self.start(anew=True)
        finally:
            if self._fold is not None and self._fold.position != BEGINNING:
                self.read_from = self._last_read = self._fold.position
        due = self._fold.due
        if not entries and due is not None and due <= page.now:
            await self._store.log.append(self.ref, encode(Tick()))
            return True
        return bool(entries)

    async def publish_if_due(self) -> None:
        """Publish about once a second what was learned, and now and then that entries were read.

        Raises:
            StoreError: the store does not answer, or another learner has taken over.
        """
        fold = self._fold
        if fold is None or fold.position == self._published:
            return
        waited = time.monotonic() - self._published_at
        if waited >= KEEP_EVERY or (waited >= PUBLISH_EVERY and (fold.unpublished or self._published is None)):
            await self.publish()

    async def publish(self) -> Checkpoint | None:
        """Write a checkpoint, which publishes its model; None where there is nothing that may be published."""
        fold = self._fold
        if fold is None or fold.version is None or not fold.caught_up or fold.position < self._publish_from:
            return None
        began_anew = self._published is None
        checkpoint = self._checkpoint(fold, fold.version)
        self._model_version = await self._store.checkpoints.write(self.ref, checkpoint)
        self._newest_close = checkpoint.newest_close
        self._published, self._published_at = fold.position, time.monotonic()
        fold.unpublished.clear()
        if began_anew:
            # Bases of what was folded before lead to another model.
            await self._store.checkpoints.drop_bases(self.ref, fold.position, self._epoch)
        return checkpoint

    async def keep_within_bounds(self) -> None:
        """Write a base a day, and drop what retention or the byte limit no longer allows.

        Raises:
            StoreError: the store does not answer, or another learner has taken over.
        """
        if self._fold is None:
            return
        bases = await self._store.checkpoints.bases(self.ref)
        latest = bases[-1] if bases else await self._store.log.first_id(self.ref)
        if latest is not None and self._fold.position.ms - latest.ms >= BASE_EVERY:
            await self._write_base()
        outlived = [base for base in bases if base.ms <= self._fold.position.ms - self._retention]
        if outlived:
            await self._trim_to(outlived[-1])
        if await self._store.log.size_bytes(self.ref) > self._log_bytes:
            await self._shrink()

    async def _shrink(self) -> None:
        base = await self._write_base()
        if base is None:
            return
        await self._trim_to(base)
        if await self._store.log.size_bytes(self.ref) > self._log_bytes:
            log.warning("%s/%s: the log is over its %d bytes, so what is open is cut", *self.ref, self._log_bytes)
            await self._store.log.append(self.ref, encode(Cut()))  # Once it is folded, nothing keeps the log.

    async def _write_base(self) -> StreamId | None:
        checkpoint = await self.publish()
        if checkpoint is None:
            return None
        await self._store.checkpoints.write_base(self.ref, checkpoint)
        return checkpoint.position

    async def _trim_to(self, position: StreamId) -> None:
        """Make this base the oldest. In this order: a log without its base could not be folded again."""
        base = await self._store.checkpoints.read_base(self.ref, position)
        if base is None:
            return
        await self._store.checkpoints.drop_bases(self.ref, position, self._epoch)
        if await self._store.log.trim(self.ref, base.read_again):
            await self._store.versions.expire_blobs(self.ref, await self._retained_versions() | {base.policy_version})

    async def _retained_versions(self) -> set[Digest]:
        """The versions that the log names."""
        named: set[Digest] = set()
        async for page in self._store.log.pages(self.ref):
            for _, data in page:
                try:
                    entry = decode(data)
                except EntryError:
                    continue
                if isinstance(entry, Decision | VersionEntry):
                    named.add(entry.version)
        return named

    async def _newest_checkpoint(self, shape: Digest) -> Checkpoint | None:
        """The newest checkpoint or base of this shape that the log still bears out."""
        checkpoints = self._store.checkpoints
        live = await checkpoints.read(self.ref)
        if live is None or live.shape != shape or await checkpoints.needs_new_fold(self.ref):
            return None
        self._model_version = live.model_version
        if await stands_in_log(self._store, self.ref, live):
            return live
        log.warning("%s/%s: the log does not bear the checkpoint at %s out", *self.ref, live.position)
        for position in reversed(await checkpoints.bases(self.ref)):
            base = await checkpoints.read_base(self.ref, position)
            if base is None or base.shape_since != live.shape_since:
                continue
            if await stands_in_log(self._store, self.ref, base):
                return base
        return None

    def _checkpoint(self, fold: Fold, version: Digest) -> Checkpoint:
        closes = fold.unpublished
        return Checkpoint(
            epoch=self._epoch,
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
