"""The commands about visitors: traits told of them, and how all that is held of them is erased."""

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
from edgewise.commands.store_access import joined, site_named
from edgewise.errors import EdgewiseError
from edgewise.settings import Settings
from edgewise.types import Digest, Milliseconds

if TYPE_CHECKING:
    from edgewise.store import Store

BEGIN_WITHIN = 20.0
"""Seconds in which a learner that runs begins an erasure that is to be done now."""

_LOOK_EVERY = 0.1
_ROWS_TOGETHER = 200

site_option = click.option("--site", metavar="NAME", help="The visitor's site; needed only when there are several.")


@click.command()
@click.argument("id")
@site_option
@click.option("--now", is_flag=True, help="Do not wait for other erasures, and end when it is done.")
@with_settings("data", "redis", "erase_within")
def erase(settings: Settings, id: str, site: str | None, now: bool) -> None:
    """Erase the visitor with this anonymous or user ID, under every id that is known of them.

    Their profiles go at once. The learner writes the logs anew without what they did, and folds the models anew from
    what is left, while the last ones are served. Erasing again does no harm, nor does an ID of which nothing is held:
    that is said, lest it was mistyped, and the exit status is 0.

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
@site_option
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
    from edgewise.privacy.access import Customers
    from edgewise.webhooks.triggers import Named, triggers_of

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


async def _erase(settings: Settings, id: str, site: str | None, now: bool) -> None:
    from edgewise.privacy.access import Customers

    async with joined(settings) as store:
        name = (await site_named(store, site)).name
        customers = Customers(store)
        within = 0 if now else settings.erase_within
        found = "erased" if await customers.records(name, id) else await _without_profile(store, name, id)
        visitors = await customers.erase(name, id, within // 2)
        click.echo(f"profiles of {name}: {found}")
        if not now:
            hours = settings.erase_within / 3_600_000
            click.echo(f"log and models: within {hours:g} hours, by the learner")
            return
        await _until_done(store, name, visitors)
        click.echo("log and models: erased")


async def _without_profile(store: Store, site: str, id: str) -> str:
    """What is found of an id without a profile. The logs are read for it: a typo must not look like an erasure."""
    from edgewise.privacy.export import export_visitor

    found = len([one async for one in export_visitor(store, site, id)])
    if found:
        return f"none under {id!r}, but entries elsewhere: {found} (`edgewise export` shows them)"
    return f"none under {id!r}, and nothing else is held of it; is it spelled right?"


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
