"""The commands `erase`, `unlink` and `import`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgewise.commands.customer_file import Row, WrongRow, read_rows
from edgewise.commands.options import with_settings
from edgewise.commands.store_access import open_store, site_named
from edgewise.errors import EdgewiseError
from edgewise.settings import Settings
from edgewise.types import Digest, Milliseconds

if TYPE_CHECKING:
    from edgewise.store import Store

START_WITHIN = 20.0
"""Seconds in which a running learner starts an erasure with --now."""

_POLL_EVERY = 0.1
_BATCH_SIZE = 200

site_option = click.option("--site", metavar="NAME", help="The visitor's site. Required if there are several.")


@click.command()
@click.argument("id")
@site_option
@click.option("--now", is_flag=True, help="Do not wait for other erasures. Exit when the erasure is complete.")
@with_settings("data", "redis", "key_prefix", "erase_within")
def erase(settings: Settings, id: str, site: str | None, now: bool) -> None:
    """Erase a visitor, under every known id of theirs. ID is an anonymous id or a user id.

    Deletes their profiles at once. The learner rewrites the logs without their entries and rebuilds the models. The
    present models serve until then. An unknown ID prints a warning, in case of a typing error, and exits with status 0.

    \b
    Examples:
      edgewise erase 8c1f2b6e-anonymous
      edgewise erase customer-4711 --site shop --now
    """
    asyncio.run(_erase(settings, id, site, now))


@click.command()
@click.argument("id")
@site_option
@with_settings("data", "redis", "key_prefix")
def unlink(settings: Settings, id: str, site: str | None) -> None:
    """Separate an id from all other ids, which a wrong login or alias has joined. ID is an anonymous id or a user id.

    A common history cannot be divided. It stays with the id under which it is stored, and the others begin new ones.
    Log entries keep the ids that they have until they expire. A message with both ids joins them again.

    \b
    Examples:
      edgewise unlink customer-4711
      edgewise unlink 8c1f2b6e-anonymous --site shop
    """
    asyncio.run(_unlink(settings, id, site))


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--id", "column", metavar="COLUMN", default="id", show_default=True, help="The column with the ids.")
@click.option("--anonymous", is_flag=True, help="The ids are anonymous ids, not user ids.")
@site_option
@with_settings("data", "redis", "key_prefix")
def import_(settings: Settings, file: Path, column: str, anonymous: bool, site: str | None) -> None:
    """Import traits of visitors from a CSV or NDJSON file.

    A CSV (.csv) has a header. Each row is one visitor.

    Reports each wrong row with its line, skips it, and exits with status 1. You can run an interrupted import again: it
    writes nothing twice. Traits that a visitor got after the file's modification time stay.

    \b
    Examples:
      edgewise import customers.csv --id email
      edgewise import traits.ndjson --site shop
    """
    rows = read_rows(file, column)
    first = list(islice(rows, 1))  # Reports an unreadable file before the store is opened.
    written_at = int(file.stat().st_mtime * 1000)
    with _progress(file) as advance:
        imported, wrong = asyncio.run(_import(settings, site, chain(first, rows), anonymous, written_at, advance, file))
    click.echo(f"{imported} rows imported, {wrong} skipped")
    if wrong:
        raise click.exceptions.Exit(1)


async def _import(
    settings: Settings,
    site: str | None,
    rows: Iterator[Row | WrongRow],
    anonymous: bool,
    written_at: Milliseconds,
    advance: Callable[[int], None],
    file: Path,
) -> tuple[int, int]:
    """Return the numbers of imported and of skipped rows."""
    from edgewise.ids.visitor import VisitorIds
    from edgewise.policies.segments import Segments
    from edgewise.privacy.access import VisitorData
    from edgewise.webhooks.triggers import make_triggers

    imported = wrong = 0
    async with open_store(settings) as store:
        entry = await site_named(store, site)
        triggers = make_triggers(entry, Segments(entry.segments))
        visitor_data = VisitorData(store)
        while batch := list(islice(rows, _BATCH_SIZE)):
            traits_by_id: dict[str, dict[str, Any]] = {}  # A later row of a visitor overrides an earlier one.
            for row in batch:
                if isinstance(row, WrongRow):
                    wrong += 1
                    click.echo(f"{file}:{row.line}: {row.problem}", err=True)
                else:
                    imported += 1
                    traits_by_id.setdefault(row.id, {}).update(row.traits)
            ids = {id: VisitorIds(anonymous_id=id) if anonymous else VisitorIds(user_id=id) for id in traits_by_id}
            await asyncio.gather(
                *(
                    visitor_data.set_traits(entry.name, ids[id], traits_by_id[id], triggers, written_at)
                    for id in traits_by_id
                )
            )
            advance(batch[-1].read)
    return imported, wrong


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    """Show a bar of the bytes read, on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal or not file.is_file():
        yield lambda read: None
        return
    with Progress(console=console) as bar:
        task = bar.add_task(f"Importing {file.name}", total=file.stat().st_size)
        yield lambda read: bar.update(task, completed=read)


async def _unlink(settings: Settings, id: str, site: str | None) -> None:
    from edgewise.privacy.access import VisitorData, possible_digests

    async with open_store(settings) as store:
        name = (await site_named(store, site)).name
        unlinked = await VisitorData(store).unlink(name, id)
    if not unlinked:
        click.echo(f"Site {name} has no link of {id!r}. Check the spelling.")
        return
    keeps = "begins a new history" if unlinked & set(possible_digests(id)) else "keeps the history"
    click.echo(f"{len(unlinked)} ids of site {name} unlinked. {id!r} {keeps}.")


async def _erase(settings: Settings, id: str, site: str | None, now: bool) -> None:
    from edgewise.privacy.access import VisitorData

    async with open_store(settings) as store:
        name = (await site_named(store, site)).name
        visitor_data = VisitorData(store)
        within = 0 if now else settings.erase_within
        found = (
            "erased" if await visitor_data.read_records(name, id) else await _describe_unknown_visitor(store, name, id)
        )
        visitors = await visitor_data.erase(name, id, within // 2)
        click.echo(f"profiles of {name}: {found}")
        if not now:
            hours = settings.erase_within / 3_600_000
            click.echo(f"log and models: erased by the learner within {hours:g} hours")
            return
        await _wait_until_erased(store, name, visitors)
        click.echo("log and models: erased")


async def _describe_unknown_visitor(store: Store, site: str, id: str) -> str:
    """Look for an id without a profile in the logs, so that a typing error does not look like an erasure."""
    from edgewise.privacy.export import export_visitor

    found = len([one async for one in export_visitor(store, site, id)])
    if found:
        return f"no profile for {id!r}, but {found} other records (`edgewise export` shows them)"
    return f"no profile and no other record for {id!r}. Check the spelling."


async def _wait_until_erased(store: Store, site: str, visitors: frozenset[Digest]) -> None:
    """Wait until the learner has erased these visitors."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (pending := (await store.erasures.pending([site]))[site]).holds(visitors):
        if not visitors.isdisjoint(pending.waiting) and loop.time() - began > START_WITHIN:
            raise EdgewiseError(
                f"No learner started the erasure within {START_WITHIN:g} s. Start one with `edgewise serve` or "
                "`edgewise learn`. It will complete the erasure."
            )
        await asyncio.sleep(_POLL_EVERY)
