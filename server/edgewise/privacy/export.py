"""All that is held of a visitor, wherever it is: what is exported, and what an erasure would remove."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edgewise.types import DecisionKey, Digest, PolicyRef

if TYPE_CHECKING:
    from edgewise.store import Store


async def holdings(store: Store, site: str, visitor: str) -> AsyncIterator[dict[str, Any]]:
    """All that is held of a visitor: exactly what an erasure would remove."""
    from edgewise.learner.erasure import ids_beside
    from edgewise.privacy.access import Customers
    from edgewise.privacy.readable import held

    customers = Customers(store)
    refs = sorted(await store.log.of_site(site))
    ids = await customers.known_ids(site, visitor)
    ids |= await ids_beside(store, refs, ids)
    for digest in sorted(ids):
        if (stored := await store.profiles.read(site, digest)) is not None:
            yield held(digest, stored)
    for digest in sorted(ids):
        for line in [*await customers.shown(site, digest), *await _webhooks_of(store, site, digest)]:
            yield {"id": digest.hex(), **line}
    for ref in refs:
        async for line in _log_of(store, ref, ids):
            yield line


async def _webhooks_of(store: Store, site: str, visitor: Digest) -> list[dict[str, Any]]:
    """The webhooks' conditions that a visitor meets, and the messages that wait, may come to wait, or were given up."""
    from edgewise.privacy.readable import plain
    from edgewise.webhooks.triggers import decode_job, met_in, waiting_in

    state = await store.queues.state(site, visitor)
    lines: list[dict[str, Any]] = [{"webhook": name, "met": met} for name, met in met_in(state)]
    lines += [{"webhook": name, "due": one.due, **plain(one.named)} for name, _, _, one in waiting_in(state)]
    queued, dead = await store.queues.held(site, visitor)
    for is_now, messages in (("waits", queued), ("given up", dead)):
        for job in map(decode_job, messages):
            lines.append({"webhook": job.webhook, "is": is_now, "message": json.loads(job.body)})
    return lines


async def _log_of(store: Store, ref: PolicyRef, ids: frozenset[Digest]) -> AsyncIterator[dict[str, Any]]:
    """The visitor's entries in the log of a policy: exactly those that an erasure would remove."""
    from edgewise.entries import decode
    from edgewise.learner.erasure import is_theirs
    from edgewise.privacy.readable import plain

    decisions: set[DecisionKey] = set()
    async for page in store.log.pages(ref):
        for id, data in page:
            if is_theirs(data, ids, decisions):
                entry = decode(data)
                at = datetime.fromtimestamp(id.ms / 1000, UTC).isoformat(timespec="milliseconds")
                yield {"placement": ref.placement, "at": at, "entry": type(entry).__name__.lower(), **plain(entry)}
