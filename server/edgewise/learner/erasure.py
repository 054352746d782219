"""Erasure: removes visitors' entries from the logs, so that the models are folded again without them.

A killed erasure starts again from its beginning. A pending erasure is removed only after it is complete.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable

from edgewise.entries import Decision, Event, Outcome, decode
from edgewise.errors import EntryError, StoreError
from edgewise.store import Pending, Store
from edgewise.types import BEGINNING, DecisionKey, Digest, Milliseconds, PolicyRef, is_user

log = logging.getLogger(__name__)

_CLOCK_TOLERANCE: Milliseconds = 10_000


class Eraser:
    """Completes pending erasures. Calls `restart` for each policy with a rewritten log, whose fold cannot continue."""

    def __init__(self, store: Store, restart: Callable[[PolicyRef], None]) -> None:
        self._store = store
        self._restart = restart
        self._is_rewriting = False
        self._store_times: dict[str, Milliseconds] = {}

    async def run_once(self, served: Collection[PolicyRef], other_sites: Collection[str] = ()) -> None:
        """Advance the erasures of all sites as far as possible. `other_sites` have removed policies.

        Raises:
            StoreError: the store does not answer. The next call starts the interrupted erasure again.
        """
        found = await self._store.erasures.pending(sorted({*(ref.site for ref in served), *other_sites}))
        for site, pending in found.items():
            await self._advance(site, pending, [ref for ref in served if ref.site == site])
            self._store_times[site] = pending.now

    async def _advance(self, site: str, pending: Pending, served: Collection[PolicyRef]) -> None:
        # After the store's clock was set back, waiting erasures would be late. To be early is always allowed.
        is_set_back = pending.now < self._store_times.get(site, 0) - _CLOCK_TOLERANCE
        if pending.is_due or (is_set_back and pending.waiting):
            await self._erase(site, pending, served)
        elif pending.folding:
            forgotten = [await self._store.checkpoints.needs_new_fold(ref) for ref in served]
            if not any(forgotten):
                await self._store.erasures.mark_folded(site, pending.folding)
                log.info("%s: the models no longer contain %d erased ids.", site, len(pending.folding))
        elif pending.rewrite:
            await self._rewrite(site)

    async def _erase(self, site: str, pending: Pending, served: Collection[PolicyRef]) -> None:
        refs = sorted({*served, *await self._store.log.of_site(site)})
        visitors = frozenset(pending.waiting)
        if linked := await linked_ids(self._store, refs, visitors):
            # Stored before the entries are removed, because a second attempt could not find these ids.
            await self._store.erasures.join(site, linked)
            visitors |= linked
            pending = (await self._store.erasures.pending([site]))[site]
        for visitor in visitors:
            await self._store.profiles.delete(site, visitor)
        entries = 0
        for ref in refs:
            entries += await erase_entries(self._store, ref, visitors, serve_on=ref in served)
            self._restart(ref)
        waiting = {visitor: due for visitor, due in pending.waiting.items() if visitor in visitors}
        await self._store.erasures.mark_deleted(site, waiting)
        log.info(
            "%s: erased %d ids with %d log entries. The models are being folded again.", site, len(visitors), entries
        )

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


async def linked_ids(store: Store, refs: Iterable[PolicyRef], visitors: frozenset[Digest]) -> frozenset[Digest]:
    """Find the anonymous ids that log entries name together with one of these users.

    These are devices known only from decide calls. Other users of such a device are not included. Ids that an entry
    names together with an anonymous id are not included either, because the device may be shared.
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
    """Rewrite the log without these visitors' decisions, outcomes and events. Returns the number of removed entries.

    Entries that arrive during the replacement stay. After it, the model must be folded again. With `serve_on`, the
    present model serves until then.

    Raises:
        StoreError: the store does not answer. The log is either the old one or the new one.
    """
    decisions: set[DecisionKey] = set()
    erased, read_to = 0, BEGINNING
    await store.log_rewrite.begin(ref)
    async for page in store.log.pages(ref):
        kept = [(id, data) for id, data in page if not belongs_to(data, visitors, decisions)]
        await store.log_rewrite.write(ref, kept)
        erased += len(page) - len(kept)
        read_to = page[-1][0]
    await store.log_rewrite.replace_log(ref, read_to, serve_on=serve_on)
    return erased


def belongs_to(data: bytes, visitors: frozenset[Digest], decisions: set[DecisionKey]) -> bool:
    """Whether an entry belongs to these visitors. `decisions` collects their decisions, for later outcomes."""
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
    """The visitor ids of an entry."""
    try:
        entry = decode(data)
    except EntryError:
        return ()
    return entry.visitor if isinstance(entry, Decision | Event) else ()
