"""The command that writes what is held of visitors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edgewise.commands.joining import joined, site_named
from edgewise.commands.options import with_settings
from edgewise.commands.visitors import site_option
from edgewise.settings import Settings
from edgewise.types import DecisionKey, Digest, PolicyRef

if TYPE_CHECKING:
    from edgewise.store import Store


@click.command()
@click.option("--visitor", metavar="ID", help="All that is held of the visitor with this anonymous or user ID.")
@click.option("--visitors", is_flag=True, help="The profiles of all visitors, one a line.")
@site_option
@with_settings("data", "redis")
def export(settings: Settings, visitor: str | None, visitors: bool, site: str | None) -> None:
    """Write what is held of visitors to the standard output, as JSON, one thing a line.

    Of one visitor: what is stored under each of their ids, and their entries in the logs.

    \b
    Examples:
      edgewise export --visitor customer-4711
      edgewise export --visitors > customers.ndjson
    """
    if (visitor is None) != visitors:
        raise click.UsageError("--visitor, --visitors: expected one of them")
    asyncio.run(_export(settings, visitor, site))


async def _export(settings: Settings, visitor: str | None, site: str | None) -> None:
    from edgewise.visitors.held import held

    async with joined(settings) as store:
        name = (await site_named(store, site)).name
        if visitor is None:
            async for digest, stored in store.profiles.all(name):
                click.echo(json.dumps(held(digest, stored), ensure_ascii=False))
            return
        async for line in _all_of(store, name, visitor):
            click.echo(json.dumps(line, ensure_ascii=False))


async def _all_of(store: Store, site: str, visitor: str) -> AsyncIterator[dict[str, Any]]:
    """All that is held of a visitor: exactly what an erasure would remove."""
    from edgewise.learner.erasure import ids_beside
    from edgewise.serving.customers import Customers
    from edgewise.visitors.held import held

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
    from edgewise.serving.triggers import decode_job, met_in, waiting_in
    from edgewise.visitors.held import plain

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
    from edgewise.visitors.held import plain

    decisions: set[DecisionKey] = set()
    async for page in store.log.pages(ref):
        for id, data in page:
            if is_theirs(data, ids, decisions):
                entry = decode(data)
                at = datetime.fromtimestamp(id.ms / 1000, UTC).isoformat(timespec="milliseconds")
                yield {"placement": ref.placement, "at": at, "entry": type(entry).__name__.lower(), **plain(entry)}
