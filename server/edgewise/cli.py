"""The command line. What is heavy is imported by the command that needs it, so that --help is quick."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edgewise import __version__
from edgewise.commands.export_command import export
from edgewise.commands.options import with_settings
from edgewise.commands.preview_command import preview
from edgewise.commands.store_access import joined, policy_named
from edgewise.commands.visitor_commands import erase, import_
from edgewise.commands.webhook_commands import courier, webhooks
from edgewise.errors import EdgewiseError, PolicyError
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
      edgewise demo
      edgewise policy check policies
      edgewise serve --policies policies --port 8080
    """


@main.command()
@click.option(
    "--visitors",
    metavar="N",
    type=click.IntRange(1, 100_000),
    default=6000,
    show_default=True,
    help="How many visitors to simulate.",
)
@click.option(
    "--rate",
    metavar="N",
    type=click.IntRange(1, 500),
    default=200,
    show_default=True,
    help="How many visitors come in a second, at most.",
)
@click.option("--exit", "exits", is_flag=True, help="End when all visitors came, instead of staying up to be tried.")
@with_settings("policies", "port")
def demo(settings: Settings, visitors: int, rate: int, exits: bool) -> None:
    """Watch a server learn from simulated visitors, in half a minute.

    Starts `edgewise serve` with a copy of the example policies and a data folder of its own, and sends visitors to it
    over HTTP. Opens a shop that embeds the browser SDK, to be watched in a browser: it prints where. Then it stays up
    until Ctrl-C, and says what to try; with --exit there is no shop. All that it keeps is removed at the end. Takes a
    free port when --port is in use. Exits with status 1 when the server failed.

    \b
    Examples:
      edgewise demo
      edgewise demo --visitors 2000 --exit
    """
    from rich.console import Console

    from edgewise.demo.demo_run import Demo

    asyncio.run(Demo(settings.policies, settings.port, visitors, rate, exits, Console()).run())


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
    from edgewise.processes.supervisor import Supervisor

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


@main.command()
@click.argument("placement")
@click.option("--site", metavar="NAME", help="The placement's site; needed only when several sites have it.")
@with_settings("data", "redis")
def rebuild(settings: Settings, placement: str, site: str | None) -> None:
    """Fold the model of PLACEMENT again from its log, and compare it with the published one.

    Works beside a running server and changes nothing. Exits with status 1 when the two models differ.

    \b
    Examples:
      edgewise rebuild home-hero
      edgewise rebuild home-hero --site shop --redis redis://cache.internal:6379/0
    """
    asyncio.run(_rebuild(settings, placement, site))


@main.command()
@click.argument("log", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--map", "columns", metavar="MAP", required=True, type=click.Path(path_type=Path), help="The map: a TOML file."
)
@click.option("--url", metavar="URL", help="A running server to replay against; without one, this process learns.")
@click.option("--write-key", metavar="KEY", default="default", show_default=True, help="With --url: the site's key.")
@click.option("--shuffle", metavar="SEED", type=click.IntRange(0), help="Replay in a random order of this seed's.")
@click.option("--shuffles", metavar="N", type=click.IntRange(1), help="Replay N times: with SEED (or 0), and the next.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def replay(
    log: Path,
    columns: Path,
    url: str | None,
    write_key: str,
    shuffle: int | None,
    shuffles: int | None,
    as_json: bool,
) -> None:
    """Replay a log of real traffic, and estimate what the policy would have earned on it.

    FILE (.csv, .ndjson or .jsonl, .gz after it where packed) tells what was shown to whom, with which probability, and
    what came of it; MAP names its columns. Each row is decided anew. Where the choice is the one in the log, its reward
    is learned, and counts.

    \b
    Examples:
      edgewise replay mails.csv.gz --map mails.toml --shuffles 5
      edgewise replay mails.csv.gz --map mails.toml --url http://127.0.0.1:8080 --write-key default
    """
    if url is not None and (shuffles or 1) > 1:
        raise click.UsageError("--shuffles: found it with --url, expected one of them: a server keeps what it learned")
    from rich.console import Console

    from edgewise.evaluate import report_table as table
    from edgewise.evaluate.replay import replay

    first = shuffle or 0
    seeds = [shuffle] if shuffles is None else list(range(first, first + shuffles))
    reports = replay(log, columns, seeds, url=url, write_key=write_key, console=Console(stderr=True))
    if as_json:
        click.echo(table.as_json(reports))
    else:
        table.print_reports(Console(), reports)


for command in (preview, import_, export, erase, courier, webhooks):
    main.add_command(command)


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
    from edgewise.policies.compiled import encode_policy, version_of
    from edgewise.policies.site_files import load_sites

    try:
        loaded = load_sites(folder)
    except PolicyError as error:
        for problem in error.problems:
            click.echo(f"{problem.path}: {problem.message}", err=True)
        raise click.exceptions.Exit(1) from error
    rows = [("site", "placement", "actions", "version")]
    for site, policies in loaded:
        for policy in policies:
            version = version_of(encode_policy(policy)).hex()
            rows.append((site.name, policy.placement, str(len(policy.actions)), version))
    _echo_table(rows)


async def _learn(settings: Settings) -> None:
    from edgewise.learner.process import run
    from edgewise.store.data_folder import announced_url

    await run(replace(settings, redis=settings.redis or await announced_url(settings.data)))


async def _rebuild(settings: Settings, placement: str, site: str | None) -> None:
    from edgewise.learner.rebuild import rebuild

    async with joined(settings) as store:
        ref = await policy_named(store, placement, site)
        with click.progressbar(
            length=100, label="Folding the log", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            rebuilt = await rebuild(store, ref, lambda share: bar.update(int(100 * share) - bar.pos))
    published = "none" if rebuilt.published is None else "equal" if rebuilt.equal else rebuilt.published
    _echo_table(
        [
            ("policy", f"{ref.site}/{ref.placement}"),
            ("position", str(rebuilt.position)),
            ("decisions learned", str(rebuilt.learned)),
            ("sha256", rebuilt.sha256),
            ("published model", published),
        ]
    )
    if rebuilt.published is not None and not rebuilt.equal:
        raise click.exceptions.Exit(1)


def _echo_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
