"""The command `identity-secret`."""

from __future__ import annotations

import asyncio
import os
import secrets

import click

from edgewise.commands.options import with_settings
from edgewise.commands.store_access import open_store, site_named
from edgewise.commands.visitor_commands import site_option
from edgewise.errors import EdgewiseError
from edgewise.settings import Settings


@click.command("identity-secret")
@click.option("--rotate", is_flag=True, help="Replace the secret. The hashes of the former one count until --revoke.")
@click.option("--revoke", is_flag=True, help="Let only the hashes of the newest secret count.")
@site_option
@with_settings("data", "redis", "key_prefix")
def identity_secret(settings: Settings, rotate: bool, revoke: bool, site: str | None) -> None:
    """Print the site's identity secret, and create it if there is none.

    Your server hashes the ids of its users with the secret. Pages send the hash beside the id. A running server knows a
    new secret within a second. A secret of the site overrides EDGEWISE_IDENTITY_SECRET.

    If a secret leaks, replace it at once with both options.

    \b
    Examples:
      edgewise identity-secret
      edgewise identity-secret --site shop --rotate
      edgewise identity-secret --site shop --revoke
    """
    click.echo(asyncio.run(_identity_secret(settings, rotate, revoke, site)))
    click.echo("Keep it on your server. A page must only get the hash of its own visitor's id.", err=True)
    if os.environ.get("EDGEWISE_IDENTITY_SECRET"):
        click.echo("For this site, EDGEWISE_IDENTITY_SECRET no longer counts.", err=True)


async def _identity_secret(settings: Settings, rotate: bool, revoke: bool, site: str | None) -> str:
    async with open_store(settings) as store:
        name = (await site_named(store, site)).name
        old = (await store.registry.identity_secrets()).get(name, ())
        new = old
        if rotate or not old:
            new = (secrets.token_hex(32), *old)[:2]
        if revoke:
            new = new[:1]
        if new != old and not await store.registry.change_identity_secrets(name, old, new):
            raise EdgewiseError(f"Another command changed the secret of site {name!r} at the same time. Try again.")
        return new[0]
