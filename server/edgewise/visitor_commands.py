"""The commands about visitors: what is held of them, and how it is erased."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from edgewise.errors import EdgewiseError
from edgewise.joining import joined
from edgewise.options import with_settings
from edgewise.registry import decode_sites
from edgewise.settings import Settings
from edgewise.types import Digest

if TYPE_CHECKING:
    from edgewise.store import Store

BEGIN_WITHIN = 20.0
"""Seconds in which a learner that runs begins an erasure that is to be done now."""

_LOOK_EVERY = 0.1

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


async def _erase(settings: Settings, id: str, site: str | None, now: bool) -> None:
    from edgewise.serving.customers import Customers

    async with joined(settings) as store:
        name = await site_named(store, site)
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


async def site_named(store: Store, asked: str | None) -> str:
    """The site of this name, or the only one.

    Raises:
        EdgewiseError: there is none, or several and none is named.
    """
    packed = await store.registry.sites()
    known = [entry.name for entry in decode_sites(packed)] if packed else []
    found = [name for name in known if asked in (None, name)]
    if len(found) == 1:
        return found[0]
    expected = ", ".join(known) or "a site to be published first"
    raise EdgewiseError(f"--site: found {'none' if asked is None else repr(asked)}, expected one of: {expected}")
