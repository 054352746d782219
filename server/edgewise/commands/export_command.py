"""The command `export`."""

from __future__ import annotations

import asyncio
import json

import click

from edgewise.commands.options import with_settings
from edgewise.commands.store_access import open_store, site_named
from edgewise.commands.visitor_commands import site_option
from edgewise.settings import Settings


@click.command()
@click.option(
    "--visitor", metavar="ID", help="Export everything stored about the visitor with this anonymous or user ID."
)
@click.option("--visitors", is_flag=True, help="Export the profiles of all visitors.")
@site_option
@with_settings("data", "redis", "key_prefix")
def export(settings: Settings, visitor: str | None, visitors: bool, site: str | None) -> None:
    """Export visitor data as one JSON object per line.

    For one visitor, it writes the records under each of their ids and their entries in the logs.

    \b
    Examples:
      edgewise export --visitor customer-4711
      edgewise export --visitors > customers.ndjson
    """
    if (visitor is None) != visitors:
        raise click.UsageError("Pass either --visitor ID or --visitors.")
    asyncio.run(_export(settings, visitor, site))


async def _export(settings: Settings, visitor: str | None, site: str | None) -> None:
    from edgewise.privacy.export import export_visitor
    from edgewise.privacy.readable_record import describe_record

    async with open_store(settings) as store:
        name = (await site_named(store, site)).name
        if visitor is None:
            async for digest, stored in store.profiles.all(name):
                click.echo(json.dumps(describe_record(digest, stored), ensure_ascii=False))
            return
        is_known = False
        async for line in export_visitor(store, name, visitor):
            is_known = True
            click.echo(json.dumps(line, ensure_ascii=False))
        if not is_known:
            click.echo(f"Site {name} stores nothing about {visitor!r}. Check the spelling.", err=True)
