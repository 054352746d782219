"""The model again, from the log: the proof that what is published is a fold of what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import NamedTuple

from edgewise.errors import StoreError
from edgewise.learner.version_loader import Folding, first_to_read
from edgewise.store import Checkpoint, Store
from edgewise.types import PolicyRef, StreamId

_COUNT = 1000


class Rebuilt(NamedTuple):
    """What came out. `published` is the sha256 of the published model at the same position, None if there is none."""

    sha256: str
    position: StreamId
    learned: int
    published: str | None

    @property
    def equal(self) -> bool:
        return self.sha256 == self.published


async def rebuild(store: Store, ref: PolicyRef, progress: Callable[[float], None] = lambda _: None) -> Rebuilt:
    """Fold the retained log in one go, from its oldest base, up to where the published model stands.

    Writes nothing. `progress` is told the share that is done, from 0 to 1.

    Raises:
        StoreError: the store does not answer, knows no such policy, or trimmed the log meanwhile.
    """
    where = f"policy {ref.site}/{ref.placement}"
    bases = await store.checkpoints.bases(ref)  # Before the checkpoint: none of them is newer than it then.
    live = await store.checkpoints.read(ref)
    current = (await store.versions.current([ref])).get(ref)
    end = live.position if live is not None else await store.log.last_id(ref)
    if current is None or end is None:
        raise StoreError(f"{where}: the store has no log of it, so there is nothing to rebuild")
    if live is None:
        version, shape, since = current
    else:
        version, shape, since = live.policy_version, live.shape, live.shape_since
    if await store.checkpoints.needs_new_fold(ref):
        raise StoreError(f"{where}: its model is being folded anew after an erasure; try again once it is published")
    base = await _oldest_base(store, ref, bases, since)
    folding = Folding(store, ref)
    fold = await folding.begin(version, shape, since, base)
    start = first_to_read(base)
    first: StreamId | None = None
    while fold.position < end:
        page = (await store.log.read({ref: start}, _COUNT))[ref]
        if first is None:
            # A base is dropped before the log is trimmed to the next one.
            trimmed = (await store.checkpoints.bases(ref))[:1] != bases[:1]
        else:
            trimmed = [id for id, _ in page.entries[:1]] != [start]
        if trimmed or not page.entries:
            raise StoreError(f"{where}: the log was trimmed while it was read; try again")
        entries = [(id, data) for id, data in page.entries if fold.position < id <= end]
        first = first or page.entries[0][0]
        await folding.advance(fold, entries)
        start = fold.position
        progress((fold.position.ms - first.ms) / max(1, end.ms - first.ms))
    published = None if live is None else sha256(live.model).hexdigest()
    return Rebuilt(sha256(fold.serialize()).hexdigest(), fold.position, fold.statistics.learned, published)


async def _oldest_base(store: Store, ref: PolicyRef, bases: Iterable[StreamId], since: StreamId) -> Checkpoint | None:
    for position in bases:
        base = await store.checkpoints.read_base(ref, position)
        if base is not None and base.shape_since == since:
            return base
    return None
