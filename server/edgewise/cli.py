"""The command line. What is heavy is imported by the command that needs it, so that --help is quick."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edgewise import __version__
from edgewise.errors import EdgewiseError, PolicyError
from edgewise.options import with_settings
from edgewise.settings import TABLE, Settings


class _Commands(click.Group):
    """Shows our errors as messages, not as tracebacks."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EdgewiseError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="edgewise")
def main() -> None:
    """Website personalization that learns from what visitors do next.

    Every option can be set by an environment variable of the same name: --decide-budget is EDGEWISE_DECIDE_BUDGET. An
    option goes before a variable.

    \b
    Examples:
      edgewise policy check policies
      edgewise serve --policies policies --port 8080
    """


@main.command()
@with_settings(*(row.name for row in TABLE))
def serve(settings: Settings) -> None:
    """Run the server: the store, the web workers and the learner.

    State is kept in an embedded Valkey, unless --redis names a store. SIGTERM or Ctrl-C stops everything in order.

    \b
    Examples:
      edgewise serve
      edgewise serve --host 0.0.0.0 --workers 4 --appendfsync always
      edgewise serve --redis redis://cache.internal:6379/0 --no-learner
    """
    from edgewise.supervisor import Supervisor

    asyncio.run(Supervisor(settings).run())


@main.command()
@with_settings("data", "redis", "retention", "log_bytes")
def learn(settings: Settings) -> None:
    """Run the learner alone.

    Without --redis it learns for the server that runs on the data folder.

    \b
    Examples:
      edgewise learn --redis redis://cache.internal:6379/0
      edgewise learn --data /var/lib/edgewise
    """
    asyncio.run(_learn(settings))


@main.group()
def policy() -> None:
    """Work with policy files."""


@policy.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def check(folder: Path) -> None:
    """Check the policy files in DIR: one site's, or those of many sites in a folder each.

    Lists the policies when all is well. Otherwise lists every problem, one a line, and exits with status 1.

    \b
    Example:
      edgewise policy check policies
    """
    from edgewise.policies.site import load_sites
    from edgewise.policies.version import encode_policy, version_of

    try:
        sites = load_sites(folder)
    except PolicyError as error:
        for problem in error.problems:
            click.echo(f"{problem.path}: {problem.message}", err=True)
        raise click.exceptions.Exit(1) from error
    rows = [("site", "placement", "actions", "version")]
    for site in sites:
        for found in site.policies:
            version = version_of(encode_policy(found)).hex()
            rows.append((site.name, found.placement, str(len(found.actions)), version))
    _echo_table(rows)


async def _learn(settings: Settings) -> None:
    from edgewise.learner.process import run
    from edgewise.store.folder import announced_url

    await run(replace(settings, redis=settings.redis or await announced_url(settings.data)))


def _echo_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
