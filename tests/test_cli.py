"""The command line: help, output, messages and exit status."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from edgewise import __version__
from edgewise.cli import main
from edgewise.settings import TABLE
from edgewise.sites import Site, encode_sites
from edgewise.store import Store

HERO = """
placement = "home-hero"
baseline = "plain"

[[actions]]
id = "plain"

[[actions]]
id = "student-deal"
"""


COMMANDS = ("serve", "learn", "rebuild", "replay", "policy check", "import", "export", "erase", "preview")


def edgewise(*arguments: str | Path, **environ: str) -> Result:
    """Run the command line in this process."""
    return CliRunner(env=environ).invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "home-hero.toml").write_text(HERO)
    return folder


def test_help_of_serve_names_every_setting_with_its_variable_and_default() -> None:
    shown = " ".join(edgewise("serve", "--help").output.split())
    for row in TABLE:
        assert row.flag in shown
        assert f"[default: {row.default}; {row.variable}]" in shown


@pytest.mark.parametrize("command", [*map(str.split, COMMANDS)])
def test_help_of_every_command_has_examples(command: list[str]) -> None:
    assert f"  edgewise {' '.join(command)}" in edgewise(*command, "--help").output.partition("Example")[2]


def test_version_is_printed() -> None:
    assert __version__ in edgewise("--version").output


def test_help_imports_nothing_heavy() -> None:
    heavy = {"uvicorn", "redis", "starlette", "vowpal_wabbit_next", "numpy", "httpx", "prometheus_client"}
    code = f"import sys, edgewise.cli; print(*sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_policy_check_lists_valid_policies(site: Path) -> None:
    result = edgewise("policy", "check", site)
    assert result.exit_code == 0
    heading, row = (line.split() for line in result.output.splitlines())
    assert heading == ["site", "placement", "actions", "version"]
    assert row[:3] == ["default", "home-hero", "2"]
    assert len(bytes.fromhex(row[3])) == 8


def test_policy_check_prints_the_version_that_is_served(site: Path) -> None:
    before = edgewise("policy", "check", site).output
    assert edgewise("policy", "check", site).output == before
    (site / "home-hero.toml").write_text(HERO.replace("student-deal", "senior-deal"))
    assert edgewise("policy", "check", site).output != before


def test_policy_check_prints_each_problem_on_a_line_and_exits_with_1(site: Path) -> None:
    (site / "home-hero.toml").write_text(HERO.replace('"plain"\n\n', '"missing"\n\n', 1) + "weight = 1\n")
    (site / "broken.toml").write_text("placement = ")
    result = edgewise("policy", "check", site)
    assert result.exit_code == 1
    assert result.stdout == ""
    problems = result.stderr.splitlines()
    assert any(line.startswith("broken.toml:1") for line in problems)
    assert any(line.startswith("home-hero.toml") and "missing" in line for line in problems)
    assert any(line.startswith("home-hero.toml") and "weight" in line for line in problems)


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--port", "x"], {}, '--port: Expected a whole number from 0 to 65535, found "x".'),
        ([], {"EDGEWISE_WORKERS": "many"}, 'EDGEWISE_WORKERS: Expected a whole number from 1 to 1024, found "many".'),
        (["--learner"], {"EDGEWISE_LEARNER": "x", "EDGEWISE_PORT": "y"}, "EDGEWISE_PORT: Expected a whole number"),
    ],
)
def test_wrong_setting_prints_one_line_and_exits_with_1(
    arguments: list[str], environ: dict[str, str], message: str
) -> None:
    result = edgewise("serve", *arguments, **environ)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert len(result.stderr.splitlines()) == 1


def test_serve_checks_policies_before_it_starts_processes(tmp_path: Path) -> None:
    result = edgewise("serve", "--policies", tmp_path / "none", "--data", tmp_path / "data", "--port", "0")
    assert result.exit_code == 1
    assert "none" in result.stderr
    assert not (tmp_path / "data").exists()


def test_serve_refuses_a_url_of_another_scheme(site: Path, tmp_path: Path) -> None:
    url = "http://cache.internal"
    result = edgewise("serve", "--policies", site, "--data", tmp_path / "data", "--port", "0", "--redis", url)
    assert result.exit_code == 1
    assert url in result.stderr
    assert "Expected one of redis://" in result.stderr


def test_learn_without_a_server_explains_redis_option(tmp_path: Path) -> None:
    result = edgewise("learn", "--data", tmp_path)
    assert result.exit_code == 1
    assert "Start `edgewise serve`, or name a store with --redis." in result.stderr


def test_rebuild_refuses_a_folder_without_a_store(tmp_path: Path) -> None:
    result = edgewise("rebuild", "home-hero", "--data", tmp_path)
    assert result.exit_code == 1
    assert f"No server runs on data folder {tmp_path}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["footer"], "Unknown placement 'footer'. Use one of: home of books, home of shoes, row of shoes."),
        (["home"], "Missing --site, because several sites have placement 'home'. Use one of: books, shoes."),
        (
            ["row", "--site", "books"],
            "Unknown placement 'row' of site 'books'. Use one of: home of books, home of shoes, row of shoes.",
        ),
    ],
)
async def test_rebuild_lists_placements_for_an_unknown_one(
    store: Store, store_url: str, arguments: list[str], expected: str
) -> None:
    books, shoes = Site("books", "b", (), ("home",)), Site("shoes", "s", (), ("home", "row"))
    await store.registry.publish_sites(encode_sites([books, shoes]))
    result = await asyncio.to_thread(edgewise, "rebuild", *arguments, "--redis", store_url)
    assert result.exit_code == 1
    assert f"Error: {expected}" in result.stderr


def test_rebuild_of_an_empty_store_explains_serve(store_url: str) -> None:
    result = edgewise("rebuild", "home", "--redis", store_url)
    assert result.exit_code == 1
    assert "The store has no policy. Start `edgewise serve` with your policies first." in result.stderr


def _commands(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from _commands(command)
        else:
            yield command


def test_every_command_that_takes_a_store_takes_its_key_prefix() -> None:
    options = [{option.name for option in command.params} for command in _commands(main)]
    with_store = [names for names in options if "redis" in names]
    assert len(with_store) > 5
    assert all("key_prefix" in names for names in with_store)


@pytest.mark.parametrize(
    ("blocked", "message"),
    [
        ("data", "--data: Cannot use {data} as data folder. {data}: File exists."),
        ("data/lock/x", "--data: Cannot use {data} as data folder. {data}/lock: Is a directory."),
        ("data/valkey", "Cannot start Valkey. {data}/valkey: File exists."),
    ],
)
def test_a_server_that_cannot_use_its_data_folder_prints_one_line(
    site: Path, tmp_path: Path, blocked: str, message: str
) -> None:
    (tmp_path / blocked).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / blocked).write_text("")
    result = edgewise("serve", "--policies", site, "--data", tmp_path / "data", "--port", "0")
    (error,) = (line for line in result.output.splitlines() if line.startswith("Error: "))
    assert error.startswith("Error: " + message.format(data=tmp_path / "data"))
    assert (result.exit_code, "Traceback" in result.output) == (1, False)


def test_an_error_of_the_system_is_one_line_and_verbose_adds_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "valkey").mkdir()
    (tmp_path / "lock").symlink_to("lock")
    quiet = edgewise("export", "--visitors", "--data", tmp_path)
    assert quiet.exit_code == 1
    assert "Too many levels of symbolic links. Choose another path." in quiet.output
    assert "Traceback" not in quiet.output
    assert "Traceback" in edgewise("export", "--visitors", "--data", tmp_path, "--verbose").output
