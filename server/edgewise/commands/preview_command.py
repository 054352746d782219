"""The command that makes tokens for previews."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from edgewise.commands.options import with_settings
from edgewise.commands.store_access import joined, policy_named, site_named
from edgewise.config.values import DAY, duration
from edgewise.errors import EdgewiseError, StoreError
from edgewise.settings import Settings
from edgewise.types import Milliseconds, PolicyRef
from edgewise.wall_clock import now_ms

if TYPE_CHECKING:
    from edgewise.store import Store


def _span(ctx: click.Context, param: click.Parameter, value: str) -> Milliseconds:
    """A time such as 1h."""
    try:
        return duration(longest=30 * DAY)(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("placement", required=False)
@click.argument("action", required=False)
@click.option("--debug", is_flag=True, help="A token for any action of the site, for the on-page debugger.")
@click.option(
    "--valid", metavar="TIME", callback=_span, default="1h", show_default=True, help="How long it is good; at most 30d."
)
@click.option("--site", metavar="NAME", help="The site; needed only when there are several, or several have PLACEMENT.")
@with_settings("data", "redis")
def preview(
    settings: Settings, placement: str | None, action: str | None, debug: bool, valid: int, site: str | None
) -> None:
    """Print a token that has ACTION shown in PLACEMENT, whatever its conditions, times and switches say.

    A decide call with it as `preview` leaves nothing in any log, and teaches nothing. A page opens the debugger with
    `?edgewise-debug=TOKEN`; a token that was made with --debug lets it show any action, and tell how it is decided.

    \b
    Examples:
      edgewise preview home-hero student-deal
      edgewise preview home-hero student-deal --valid 7d --site shop
      edgewise preview --debug
    """
    if debug and placement is not None:
        raise click.UsageError(f"PLACEMENT: found {placement!r} with --debug, expected none: it is for all of them")
    if not debug and (placement is None or action is None):
        raise click.UsageError("found no PLACEMENT with its ACTION, expected both, or --debug")
    click.echo(asyncio.run(_preview(settings, placement, action, valid, site)))


async def _preview(
    settings: Settings, placement: str | None, action: str | None, valid: Milliseconds, site: str | None
) -> str:
    """A token; for debugging where no placement and action are given."""
    from edgewise.decisions.preview_token import debug_token, preview_token
    from edgewise.ids.decision import KEY_BYTES, DecisionIds

    expires = (now_ms() + valid) // 1000
    async with joined(settings) as store:
        ids = DecisionIds()
        ids.ring = await store.registry.decision_keys(os.urandom(KEY_BYTES))
        if placement is None or action is None:
            return debug_token(ids, (await site_named(store, site)).name, expires)
        ref = await policy_named(store, placement, site)
        await _require_action(store, ref, action)
        return preview_token(ids, ref, action, expires)


async def _require_action(store: Store, ref: PolicyRef, action: str) -> None:
    from edgewise.policies.compiled import CompiledPolicy

    version = (await store.versions.current([ref]))[ref].version
    blob = await store.versions.blob(ref, version)
    if blob is None:
        raise StoreError(f"policy {ref.site}/{ref.placement}: the store has no blob of version {version.hex()}")
    actions = CompiledPolicy.from_blob(blob).index
    if action not in actions:
        raise EdgewiseError(f"ACTION: found {action!r}, expected one of: {', '.join(actions)}")
