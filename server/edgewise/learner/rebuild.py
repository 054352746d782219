"""Rebuilds a model from its log and compares it with the published one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import NamedTuple

from edgewise.errors import StoreError
from edgewise.learner.version_loader import VersionLoader, first_to_read
from edgewise.store import Checkpoint, Store
from edgewise.types import PolicyRef, StreamId

_PAGE = 1000


class RebuildResult(NamedTuple):
    """The result. `published` is the sha256 of the published model at the same position, None without one."""

    sha256: str
    position: StreamId
    learned: int
    published: str | None

    @property
    def equal(self) -> bool:
        return self.sha256 == self.published


async def rebuild(store: Store, ref: PolicyRef, progress: Callable[[float], None] = lambda _: None) -> RebuildResult:
    """Fold the retained log in one go, from its oldest base to the position of the published model.

    Writes nothing. `progress` receives the completed share, from 0 to 1.

    Raises:
        StoreError: the store does not answer or lacks the policy, or the log was trimmed during the rebuild.
    """
    where = f"Policy {ref.site}/{ref.placement}"
    bases = await store.checkpoints.bases(ref)  # Read before the checkpoint, so that no base is newer.
    live = await store.checkpoints.read(ref)
    current = (await store.versions.current([ref])).get(ref)
    end = live.position if live is not None else await store.log.last_id(ref)
    if current is None or end is None:
        raise StoreError(f"{where}: the store has no log of it. Start `edgewise serve` with this policy first.")
    if live is None:
        version, shape, since = current
    else:
        version, shape, since = live.policy_version, live.shape, live.shape_since
    if await store.checkpoints.needs_new_fold(ref):
        raise StoreError(f"{where}: its model is being rebuilt after an erasure. Try again when that is complete.")
    base = await _oldest_base(store, ref, bases, since)
    loader = VersionLoader(store, ref)
    fold = await loader.begin(version, shape, since, base)
    start = first_to_read(base)
    first: StreamId | None = None
    while fold.position < end:
        page = (await store.log.read({ref: start}, _PAGE))[ref]
        if first is None:
            # A base is deleted before the log is trimmed to the next one.
            trimmed = (await store.checkpoints.bases(ref))[:1] != bases[:1]
        else:
            trimmed = [id for id, _ in page.entries[:1]] != [start]
        if trimmed or not page.entries:
            raise StoreError(f"{where}: the log was trimmed during the rebuild. Try again.")
        entries = [(id, data) for id, data in page.entries if fold.position < id <= end]
        first = first or page.entries[0][0]
        await loader.advance(fold, entries)
        start = fold.position
        progress((fold.position.ms - first.ms) / max(1, end.ms - first.ms))
    published = None if live is None else sha256(live.model).hexdigest()
    return RebuildResult(sha256(fold.serialize()).hexdigest(), fold.position, fold.statistics.learned, published)


async def _oldest_base(store: Store, ref: PolicyRef, bases: Iterable[StreamId], since: StreamId) -> Checkpoint | None:
    for position in bases:
        base = await store.checkpoints.read_base(ref, position)
        if base is not None and base.shape_since == since:
            return base
    return None
