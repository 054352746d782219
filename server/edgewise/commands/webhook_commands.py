"""The commands `courier` and `webhooks`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import click

from edgewise.commands.options import with_settings
from edgewise.commands.store_access import open_store
from edgewise.settings import Settings
from edgewise.sites import decode_sites


@click.command()
@with_settings("data", "redis", "key_prefix", "webhook_allow_private")
def courier(settings: Settings) -> None:
    """Run the webhook dispatcher alone.

    `edgewise serve` runs one if a site has webhooks. Several dispatchers can share one store.

    \b
    Example:
      edgewise courier --redis redis://cache.internal:6379/0
    """
    asyncio.run(_courier(settings))


@click.group()
def webhooks() -> None:
    """Work with webhooks."""


@webhooks.command()
@with_settings("data", "redis", "key_prefix")
def dead(settings: Settings) -> None:
    """Print the dead letters as NDJSON: each message, its number of attempts, and its last problem.

    \b
    Example:
      edgewise webhooks dead
    """
    lines = asyncio.run(_dead(settings))
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo("There are no dead letters.", err=True)


async def _courier(settings: Settings) -> None:
    from edgewise.store.data_folder import running_store_url
    from edgewise.webhooks.dispatcher import run

    await run(replace(settings, redis=settings.redis or await running_store_url(settings.data)))


async def _dead(settings: Settings) -> list[bytes]:
    import msgspec

    from edgewise.webhooks.webhook_state import decode_message

    async with open_store(settings) as store:
        sites = decode_sites(await store.registry.sites())
        jobs = [decode_message(message) for site in sites for message in await store.webhook_queues.dead(site.name)]
    return [
        msgspec.json.encode({"attempts": job.attempts, "problem": job.problem, "message": msgspec.Raw(job.body)})
        for job in jobs
    ]
