"""Erasure: what visitors asked to be forgotten goes from the logs, and the models are folded anew without it.

Killed at any instant, it is done again from the start when a learner looks next: nothing leaves the list of what is to
be erased before it is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable

from edgewise.entries import Decision, Event, Outcome, decode
from edgewise.errors import EntryError, StoreError
from edgewise.store import Pending, Store
from edgewise.types import BEGINNING, DecisionKey, Digest, PolicyRef, is_user

log = logging.getLogger(__name__)


class Eraser:
    """Erases what is due. `start_anew` is told each policy whose log was written anew: no fold of it may go on."""

    def __init__(self, store: Store, start_anew: Callable[[PolicyRef], None]) -> None:
        self._store = store
        self._start_anew = start_anew
        self._is_rewriting = False

    async def look(self, served: Collection[PolicyRef]) -> None:
        """Take the erasures of all sites as far as they can be taken now.

        Raises:
            StoreError: the store does not answer; what was begun is done again by the next look.
        """
        found = await self._store.erasures.pending(sorted({ref.site for ref in served}))
        for site, pending in found.items():
            await self._look_at(site, pending, [ref for ref in served if ref.site == site])

    async def _look_at(self, site: str, pending: Pending, served: Collection[PolicyRef]) -> None:
        if pending.is_due:
            await self._erase(site, pending, served)
        elif pending.folding:
            forgotten = [await self._store.checkpoints.needs_new_fold(ref) for ref in served]
            if not any(forgotten):
                await self._store.erasures.mark_folded(site, pending.folding)
                log.info("%s: the models know no more of %d erased ids", site, len(pending.folding))
        elif pending.rewrite:
            await self._rewrite(site)

    async def _erase(self, site: str, pending: Pending, served: Collection[PolicyRef]) -> None:
        refs = sorted({*served, *await self._store.log.of_site(site)})
        visitors = frozenset(pending.waiting)
        if beside := await ids_beside(self._store, refs, visitors):
            # Remembered before the entries go that say so: whoever does this again could not find them any more.
            await self._store.erasures.join(site, beside)
            visitors |= beside
            pending = (await self._store.erasures.pending([site]))[site]
        for visitor in visitors:
            await self._store.profiles.delete(site, visitor)
        entries = 0
        for ref in refs:
            entries += await erase_entries(self._store, ref, visitors, serve_on=ref in served)
            self._start_anew(ref)
        waiting = {visitor: due for visitor, due in pending.waiting.items() if visitor in visitors}
        await self._store.erasures.mark_deleted(site, waiting)
        log.info("%s: erased %d ids with %d log entries; the models are folded anew", site, len(visitors), entries)

    async def _rewrite(self, site: str) -> None:
        try:
            if not self._is_rewriting:
                begun = await self._store.append_only_file.rewrite()
                self._is_rewriting = begun == "begun"
                if begun in ("needless", "refused"):
                    await self._store.erasures.mark_rewritten(site)
            elif await self._store.append_only_file.is_rewritten():
                self._is_rewriting = False
                await self._store.erasures.mark_rewritten(site)
        except StoreError:
            self._is_rewriting = False
            raise


async def ids_beside(store: Store, refs: Iterable[PolicyRef], visitors: frozenset[Digest]) -> frozenset[Digest]:
    """The anonymous ids that these logs name together with one of these users: devices on which nobody identified.

    Not those of one device's other users, and not those that stand beside an anonymous id: such a device may be shared.
    """
    users = frozenset(filter(is_user, visitors))
    found: set[Digest] = set()
    for ref in refs:
        async for page in store.log.pages(ref):
            for _, data in page:
                ids = _ids_in(data)
                if not users.isdisjoint(ids):
                    found.update(id for id in ids if not is_user(id))
    return frozenset(found - visitors)


async def erase_entries(store: Store, ref: PolicyRef, visitors: frozenset[Digest], *, serve_on: bool) -> int:
    """Write the log anew without these visitors' decisions, what followed them, and their un-linked events.

    Returns how many entries that were. What comes in the very moment in which the new log takes the old one's place is
    kept. From then on the model is to be folded anew; `serve_on` says whether the one that there is serves until then.

    Raises:
        StoreError: the store does not answer; the log is either the old one or the new one.
    """
    theirs: set[DecisionKey] = set()
    erased, read_to = 0, BEGINNING
    await store.log_rewrite.begin(ref)
    async for page in store.log.pages(ref):
        kept = [(id, data) for id, data in page if not is_theirs(data, visitors, theirs)]
        await store.log_rewrite.write(ref, kept)
        erased += len(page) - len(kept)
        read_to = page[-1][0]
    await store.log_rewrite.replace_log(ref, read_to, serve_on=serve_on)
    return erased


def is_theirs(data: bytes, visitors: frozenset[Digest], decisions: set[DecisionKey]) -> bool:
    """Whether an entry is of these visitors. A log is read in order: `decisions` notes theirs, for what follows."""
    try:
        entry = decode(data)
    except EntryError:
        return False
    match entry:
        case Decision():
            if not visitors.isdisjoint(entry.visitor):
                decisions.add(entry.key)
            return entry.key in decisions
        case Event():
            return not visitors.isdisjoint(entry.visitor)
        case Outcome():
            return entry.key in decisions
    return False


def _ids_in(data: bytes) -> tuple[Digest, ...]:
    """The ids of its visitor that an entry names."""
    try:
        entry = decode(data)
    except EntryError:
        return ()
    return entry.visitor if isinstance(entry, Decision | Event) else ()
