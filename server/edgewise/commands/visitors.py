"""The commands about visitors: traits told of them, what is held of them, and how it is erased."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgewise.commands.customer_file import Row, WrongRow, read_rows
from edgewise.commands.joining import joined
from edgewise.commands.options import with_settings
from edgewise.errors import EdgewiseError
from edgewise.registry import SiteEntry, decode_sites
from edgewise.settings import Settings
from edgewise.types import DecisionKey, Digest, Milliseconds, PolicyRef

if TYPE_CHECKING:
    from edgewise.store import Store

BEGIN_WITHIN = 20.0
"""Seconds in which a learner that runs begins an erasure that is to be done now."""

_LOOK_EVERY = 0.1
_ROWS_TOGETHER = 200

_site_option = click.option("--site", metavar="NAME", help="The visitor's site; needed only when there are several.")


@click.command()
@click.argument("id")
@_site_option
@click.option("--now", is_flag=True, help="Do not wait for other erasures, and end when it is done.")
@with_settings("data", "redis", "erase_within")
def erase(settings: Settings, id: str, site: str | None, now: bool) -> None:
    """Erase the visitor with this anonymous or user ID, under every id that is known of them.

    Their profiles go at once. The learner writes the logs anew without what they did, and folds the models anew from
    what is left, while the last ones are served. Erasing again does no harm.

    \b
    Examples:
      edgewise erase 8c1f2b6e-anonymous
      edgewise erase customer-4711 --site shop --now
    """
    asyncio.run(_erase(settings, id, site, now))


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--id", "column", metavar="COLUMN", default="id", show_default=True, help="The column that has the ids.")
@click.option("--anonymous", is_flag=True, help="The ids are anonymous ones, not users'.")
@_site_option
@with_settings("data", "redis")
def import_(settings: Settings, file: Path, column: str, anonymous: bool, site: str | None) -> None:
    """Tell traits of many visitors: one a row of FILE, CSV (.csv, with a header) or NDJSON.

    What is wrong with a row is told with its line, and the row left out; then the exit status is 1. An import that was
    interrupted is run again: what is there already is not written twice, and what a visitor said after the file was
    written stays.

    \b
    Examples:
      edgewise import customers.csv --id email
      edgewise import traits.ndjson --site shop
    """
    rows = read_rows(file, column)
    first = list(islice(rows, 1))  # What is wrong with the file as a whole is said before the store is asked.
    written_at = int(file.stat().st_mtime * 1000)
    with _progress(file) as advance:
        imported, wrong = asyncio.run(_import(settings, site, chain(first, rows), anonymous, written_at, advance, file))
    click.echo(f"{imported} rows imported, {wrong} left out")
    if wrong:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--visitor", metavar="ID", help="All that is held of the visitor with this anonymous or user ID.")
@click.option("--visitors", is_flag=True, help="What is held under every id, one a line.")
@_site_option
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


async def _import(
    settings: Settings,
    site: str | None,
    rows: Iterator[Row | WrongRow],
    anonymous: bool,
    written_at: Milliseconds,
    advance: Callable[[int], None],
    file: Path,
) -> tuple[int, int]:
    """How many rows were imported, and how many left out."""
    from edgewise.policies.segments import Segments
    from edgewise.serving.customers import Customers
    from edgewise.serving.triggers import Named, triggers_of

    imported = wrong = 0
    async with joined(settings) as store:
        entry = await site_named(store, site)
        triggers = triggers_of(entry, Segments(entry.segments))
        customers = Customers(store)
        while batch := list(islice(rows, _ROWS_TOGETHER)):
            told: dict[str, dict[str, Any]] = {}  # Several rows of one visitor count in their order.
            for row in batch:
                if isinstance(row, WrongRow):
                    wrong += 1
                    click.echo(f"{file}:{row.line}: {row.problem}", err=True)
                else:
                    imported += 1
                    told.setdefault(row.id, {}).update(row.traits)
            people = {id: Named(anonymous_id=id) if anonymous else Named(user_id=id) for id in told}
            await asyncio.gather(
                *(customers.tell(entry.name, people[id], told[id], triggers, written_at) for id in told)
            )
            advance(batch[-1].read)
    return imported, wrong


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    """A bar of the bytes that were read, on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal or not file.is_file():
        yield lambda read: None
        return
    with Progress(console=console) as bar:
        task = bar.add_task(f"Importing {file.name}", total=file.stat().st_size)
        yield lambda read: bar.update(task, completed=read)


async def _export(settings: Settings, visitor: str | None, site: str | None) -> None:
    from edgewise.serving.customers import Customers
    from edgewise.visitors.held import held

    async with joined(settings) as store:
        name = (await site_named(store, site)).name
        if visitor is None:
            async for digest, stored in store.profiles.all(name):
                click.echo(json.dumps(held(digest, stored), ensure_ascii=False))
            return
        customers = Customers(store)
        ids = await customers.known_ids(name, visitor)
        for digest, stored in (await customers.records(name, visitor)).items():
            click.echo(json.dumps(held(digest, stored), ensure_ascii=False))
        for digest in sorted(ids):
            for line in await _webhooks_of(store, name, digest):
                click.echo(json.dumps(line, ensure_ascii=False))
        for ref in sorted(await store.log.of_site(name)):
            async for line in _log_of(store, ref, ids):
                click.echo(json.dumps(line, ensure_ascii=False))


async def _webhooks_of(store: Store, site: str, visitor: Digest) -> list[dict[str, Any]]:
    """The messages about a visitor that wait, may come to wait, or were given up."""
    from edgewise.serving.triggers import decode_job, waiting_in
    from edgewise.visitors.held import plain

    waiting = waiting_in(await store.queues.state(site, visitor))
    lines: list[dict[str, Any]] = [
        {"id": visitor.hex(), "webhook": name, "due": one.due, **plain(one.named)} for name, _, _, one in waiting
    ]
    queued, dead = await store.queues.held(site, visitor)
    for state, messages in (("waits", queued), ("given up", dead)):
        for job in map(decode_job, messages):
            lines.append({"id": visitor.hex(), "webhook": job.webhook, "is": state, "message": json.loads(job.body)})
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


async def _erase(settings: Settings, id: str, site: str | None, now: bool) -> None:
    from edgewise.serving.customers import Customers

    async with joined(settings) as store:
        name = (await site_named(store, site)).name
        within = 0 if now else settings.erase_within
        visitors = await Customers(store).erase(name, id, within // 2)
        click.echo(f"profiles of {name}: erased")
        if not now:
            hours = settings.erase_within / 3_600_000
            click.echo(f"log and models: within {hours:g} hours, by the learner")
            return
        await _until_done(store, name, visitors)
        click.echo("log and models: erased")


async def _until_done(store: Store, site: str, visitors: frozenset[Digest]) -> None:
    """Wait for the learner; what it has begun, it ends."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (pending := (await store.erasures.pending([site]))[site]).holds(visitors):
        if not visitors.isdisjoint(pending.waiting) and loop.time() - began > BEGIN_WITHIN:
            raise EdgewiseError(
                f"log and models: no learner has begun within {BEGIN_WITHIN:g} s, expected one to run "
                "(`edgewise serve` or `edgewise learn`); the erasure is kept, and done once one does"
            )
        await asyncio.sleep(_LOOK_EVERY)


async def site_named(store: Store, asked: str | None) -> SiteEntry:
    """The site of this name, or the only one.

    Raises:
        EdgewiseError: there is none, or several and none is named.
    """
    packed = await store.registry.sites()
    known = decode_sites(packed) if packed else ()
    found = [site for site in known if asked in (None, site.name)]
    if len(found) == 1:
        return found[0]
    expected = ", ".join(site.name for site in known) or "a site to be published first"
    raise EdgewiseError(f"--site: found {'none' if asked is None else repr(asked)}, expected one of: {expected}")
