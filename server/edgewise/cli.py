"""The command line. Each command imports heavy modules itself, so that --help is quick."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edgewise import __version__
from edgewise.commands.export_command import export
from edgewise.commands.identity_command import identity_secret
from edgewise.commands.options import with_settings
from edgewise.commands.preview_command import preview
from edgewise.commands.store_access import open_store, policy_named
from edgewise.commands.visitor_commands import erase, import_, unlink
from edgewise.commands.webhook_commands import courier, webhooks
from edgewise.errors import EdgewiseError, PolicyError
from edgewise.settings import TABLE, Settings
from edgewise.system_errors import describe_system_error, has_advice

log = logging.getLogger(__name__)


class _Commands(click.Group):
    """Shows errors of Edgewise and of the operating system as messages. `--verbose` shows their tracebacks too."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EdgewiseError as error:
            log.debug("The traceback of the error:", exc_info=True)
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if not has_advice(error):  # A broken pipe, for which Click exits silently, or a mistake in the code.
                raise
            log.debug("The traceback of the error:", exc_info=True)
            raise click.ClickException(describe_system_error(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="edgewise")
def main() -> None:
    """Website personalization that learns from what visitors do next.

    Every option has an environment variable of the same name: --decide-budget is EDGEWISE_DECIDE_BUDGET. The option
    overrides the variable.

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
    help="The number of simulated visitors.",
)
@click.option(
    "--rate",
    metavar="N",
    type=click.IntRange(1, 500),
    default=200,
    show_default=True,
    help="The most visitors in a second.",
)
@click.option("--exit", "exits", is_flag=True, help="Exit after the last visitor, without opening a shop.")
@with_settings("policies", "port")
def demo(settings: Settings, visitors: int, rate: int, exits: bool) -> None:
    """Watch a server learn from simulated visitors, in half a minute.

    Starts `edgewise serve` with a copy of the example policies and a temporary data folder, and sends visitors to it
    over HTTP. Opens a shop that uses the browser SDK, and prints its address. Stays up until Ctrl-C, unless you pass
    --exit. Removes its data at the end. Uses a free port if --port is in use. Exits with status 1 if the server fails.

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

    An embedded Valkey holds the state, unless --redis names a store. SIGTERM or Ctrl-C stops all processes in order.

    \b
    Examples:
      edgewise serve
      edgewise serve --host 0.0.0.0 --workers 4 --appendfsync always
      edgewise serve --redis redis://cache.internal:6379/0 --no-learner
    """
    from edgewise.processes.supervisor import Supervisor

    asyncio.run(Supervisor(settings).run())


@main.command()
@with_settings("data", "redis", "key_prefix", "retention", "log_bytes")
def learn(settings: Settings) -> None:
    """Run the learner alone.

    Without --redis, it uses the store of the server that runs on the data folder.

    \b
    Examples:
      edgewise learn --redis redis://cache.internal:6379/0
      edgewise learn --data /var/lib/edgewise
    """
    asyncio.run(_learn(settings))


@main.command()
@click.argument("placement")
@click.option("--site", metavar="NAME", help="The placement's site. Required if several sites have this placement.")
@with_settings("data", "redis", "key_prefix")
def rebuild(settings: Settings, placement: str, site: str | None) -> None:
    """Rebuild a model from its log and check the published one.

    PLACEMENT names the policy. Works beside a running server and changes nothing. Exits with status 1 if the models
    differ.

    \b
    Examples:
      edgewise rebuild home-hero
      edgewise rebuild home-hero --site shop --redis redis://cache.internal:6379/0
    """
    asyncio.run(_rebuild(settings, placement, site))


@main.command()
@click.argument("log", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "columns",
    metavar="MAP",
    required=True,
    type=click.Path(path_type=Path),
    help="A TOML file that maps the columns.",
)
@click.option(
    "--url",
    metavar="URL",
    help="A running server to replay against. Without it, this process learns. All rows come from one address, so "
    "start the server with --decides-per-source 0 --messages-per-source 0.",
)
@click.option(
    "--write-key", metavar="KEY", default="default", show_default=True, help="The site's write key, for --url."
)
@click.option("--shuffle", metavar="SEED", type=click.IntRange(0), help="Replay in a random order with this seed.")
@click.option(
    "--shuffles", metavar="N", type=click.IntRange(1), help="Replay N times, with SEED (or 0) and the seeds after it."
)
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
    """Estimate what a policy would have earned on a logged file.

    Each row of FILE has a context, the action that was shown, its probability, and its reward. FILE is .csv, .ndjson or
    .jsonl, and may be gzipped (.gz). MAP names the columns, and may name a policy file. The policy decides each row
    again. If its choice equals the logged action, the reward counts and the model learns it.

    \b
    Examples:
      edgewise replay mails.csv.gz --map mails.toml --shuffles 5
      edgewise replay mails.csv.gz --map mails.toml --url http://127.0.0.1:8080 --write-key default
    """
    if url is not None and (shuffles or 1) > 1:
        raise click.UsageError(
            "The options --shuffles and --url exclude each other, because a server keeps its model. Use one of them."
        )
    from rich.console import Console

    from edgewise.evaluation import report_table as table
    from edgewise.evaluation.replay import replay

    first = shuffle or 0
    seeds = [shuffle] if shuffles is None else list(range(first, first + shuffles))
    reports = replay(log, columns, seeds, url=url, write_key=write_key, console=Console(stderr=True))
    if as_json:
        click.echo(table.as_json(reports))
    else:
        table.print_reports(Console(), reports)


for command in (preview, identity_secret, import_, export, erase, unlink, courier, webhooks):
    main.add_command(command)


@main.group()
def policy() -> None:
    """Work with policy files."""


@policy.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def check(folder: Path) -> None:
    """Check the policy files in DIR, which holds one site, or one folder for each of several sites.

    Lists the policies if all files are valid. Otherwise lists every problem and exits with status 1.

    \b
    Example:
      edgewise policy check policies
    """
    from edgewise.policies.compiled_policy import encode_policy, version_of
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
    from edgewise.store.data_folder import running_store_url

    await run(replace(settings, redis=settings.redis or await running_store_url(settings.data)))


async def _rebuild(settings: Settings, placement: str, site: str | None) -> None:
    from edgewise.learner.rebuild import rebuild

    async with open_store(settings) as store:
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
