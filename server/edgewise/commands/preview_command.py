"""The command `preview`."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from edgewise.commands.options import with_settings
from edgewise.commands.store_access import open_store, policy_named, site_named
from edgewise.config.values import DAY, duration
from edgewise.errors import EdgewiseError, StoreError
from edgewise.settings import Settings
from edgewise.types import Milliseconds, PolicyRef
from edgewise.wall_clock import now_ms

if TYPE_CHECKING:
    from edgewise.store import Store


def _span(ctx: click.Context, param: click.Parameter, value: str) -> Milliseconds:
    try:
        return duration(longest=30 * DAY)(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("placement", required=False)
@click.argument("action", required=False)
@click.option("--debug", is_flag=True, help="Create a token for the debugger, which can show any action of the site.")
@click.option(
    "--valid",
    metavar="TIME",
    callback=_span,
    default="1h",
    show_default=True,
    help="How long the token is valid, at most 30d.",
)
@click.option("--site", metavar="NAME", help="The site. Required if there are several.")
@with_settings("data", "redis", "key_prefix")
def preview(
    settings: Settings, placement: str | None, action: str | None, debug: bool, valid: int, site: str | None
) -> None:
    """Create a token that shows an action or opens the debugger.

    The token shows ACTION in PLACEMENT, even if its conditions, dates or switches forbid it.
    Pass the token as `preview` in a decide call, or open a page with `?edgewise-debug=TOKEN`. Edgewise logs nothing of
    such a call and learns nothing from it. A token of --debug can show any action, and explains each decision.

    \b
    Examples:
      edgewise preview home-hero student-deal
      edgewise preview home-hero student-deal --valid 7d --site shop
      edgewise preview --debug
    """
    if debug and placement is not None:
        raise click.UsageError(f"The option --debug covers all placements. Remove {placement!r}, or remove --debug.")
    if not debug and (placement is None or action is None):
        raise click.UsageError("Missing PLACEMENT or ACTION. Pass both, or pass --debug.")
    click.echo(asyncio.run(_preview(settings, placement, action, valid, site)))
    click.echo("Open a page of your site with ?edgewise-debug=TOKEN at the end of its address.", err=True)


async def _preview(
    settings: Settings, placement: str | None, action: str | None, valid: Milliseconds, site: str | None
) -> str:
    """Create a debug token if placement and action are None, otherwise a preview token."""
    from edgewise.decisions.preview_token import issue_debug_token, issue_preview_token
    from edgewise.ids.decision import KEY_BYTES, DecisionIds

    expires = (now_ms() + valid) // 1000
    async with open_store(settings) as store:
        ids = DecisionIds()
        ids.ring = await store.registry.decision_keys(os.urandom(KEY_BYTES))
        if placement is None or action is None:
            return issue_debug_token(ids, (await site_named(store, site)).name, expires)
        ref = await policy_named(store, placement, site)
        await _require_action(store, ref, action)
        return issue_preview_token(ids, ref, action, expires)


async def _require_action(store: Store, ref: PolicyRef, action: str) -> None:
    from edgewise.policies.compiled_policy import CompiledPolicy

    version = (await store.versions.current([ref]))[ref].version
    blob = await store.versions.blob(ref, version)
    if blob is None:
        raise StoreError(
            f"Policy {ref.site}/{ref.placement}: the store lost version {version.hex()}. Restart the server."
        )
    actions = CompiledPolicy.from_blob(blob).index
    if action not in actions:
        raise EdgewiseError(f"Unknown ACTION {action!r}. Use one of: {', '.join(actions)}.")
