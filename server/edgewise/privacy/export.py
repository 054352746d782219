"""The export of everything that the store keeps about one visitor. An erasure removes exactly the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from edgewise.entries import Decision, Event, Outcome, decode
from edgewise.learner.erasure import belongs_to, linked_ids
from edgewise.privacy.access import VisitorData
from edgewise.privacy.readable_record import describe_record, to_plain
from edgewise.store import Store
from edgewise.types import DecisionKey, Digest, PolicyRef
from edgewise.webhooks.webhook_state import decode_message, read_met, read_pending

_ENTRY_KINDS = {Decision: "decision", Event: "event", Outcome: "outcome"}


async def export_visitor(store: Store, site: str, visitor: str) -> AsyncIterator[dict[str, Any]]:
    """Yield one object for each stored thing: records, exposure, webhook state and log entries, in this order.

    Raises:
        StoreError: the store does not answer.
    """
    visitor_data = VisitorData(store)
    refs = sorted(await store.log.of_site(site))
    ids = await visitor_data.find_ids(site, visitor)
    ids |= await linked_ids(store, refs, ids)
    for digest in sorted(ids):
        if (stored := await store.profiles.read(site, digest)) is not None:
            yield describe_record(digest, stored)
    for digest in sorted(ids):
        for line in [*await visitor_data.describe_exposure(site, digest), *await _webhooks_of(store, site, digest)]:
            yield {"id": digest.hex(), **line}
    for ref in refs:
        async for line in _log_entries(store, ref, ids):
            yield line


async def _webhooks_of(store: Store, site: str, visitor: Digest) -> list[dict[str, Any]]:
    state = await store.webhook_queues.state(site, visitor)
    lines: list[dict[str, Any]] = [{"webhook": name, "met": met} for name, met in read_met(state)]
    lines += [
        {"webhook": one.webhook, "due": one.condition.due, **to_plain(one.condition.ids)} for one in read_pending(state)
    ]
    queued, dead = await store.webhook_queues.messages(site, visitor)
    for status, messages in (("waits", queued), ("given up", dead)):
        for message in map(decode_message, messages):
            lines.append({"webhook": message.webhook, "is": status, "message": json.loads(message.body)})
    return lines


async def _log_entries(store: Store, ref: PolicyRef, ids: frozenset[Digest]) -> AsyncIterator[dict[str, Any]]:
    decisions: set[DecisionKey] = set()
    async for page in store.log.pages(ref):
        for id, data in page:
            if belongs_to(data, ids, decisions):
                entry = decode(data)
                at = datetime.fromtimestamp(id.ms / 1000, UTC).isoformat(timespec="milliseconds")
                yield {"placement": ref.placement, "at": at, "entry": _ENTRY_KINDS[type(entry)], **to_plain(entry)}
