"""The documents name only pages, commands, options, routes and settings that exist, and their examples are valid."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from edgewise.cli import main
from edgewise.http.openapi import openapi_document
from edgewise.policies.site_files import load_sites
from tests.test_architecture import MAY_IMPORT, PACKAGE

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
ARCHITECTURE = ROOT / "docs/engineering/architecture.md"
STUB = (ROOT / "server/edgewise/sdk/edgewise-stub.js").read_text()
MODULE = re.compile(r"(?<![\w/.-])([a-z_]+)/([a-z_]+)(?![\w/.-])")
"""A module as the architecture names it: `room/module`."""

FILE = re.compile(r"(?<![\w/.-])(?:server|tests|docs|sdk-js|load_tests)/[\w./-]*\w/?")
BUILT = {"sdk-js/dist/"}
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
OPTIONS_OF_OTHER_PROGRAMS = {
    *("--system", "--now", "--rm", "--entrypoint", "--name", "--restart", "--stop-timeout", "--headless", "--users"),
    *("--spawn-rate", "--host", "--run-time", "--prefix", "--no-git-tag-version", "--strict", "--label", "--algorithm"),
    *("--read-only", "--tmpfs", "--require-hashes", "--no-deps", "--no-build-isolation", "--eval"),
    *("--shuffles", "--streams", "--methods", "--seeds", "--processes", "--check"),
}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def commands(group: click.Group = main, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


COMMANDS = dict(commands())


def spellings(parameter: click.Parameter) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts] if isinstance(parameter, click.Option) else []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page}: {target}#{anchor}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [(page.parent / target).resolve() for target, _ in LINK.findall(page.read_text()) if target]
    assert set(PAGES) <= reached


@pages
def test_every_command_exists(page: Path) -> None:
    mentions = re.findall(r"(?:^|[`/])edgewise ((?:[a-z]+(?:-[a-z]+)* ?){1,2})", "\n".join(code(page)), re.MULTILINE)
    for mention in mentions:
        first = mention.split()[0]
        assert first in COMMANDS, f"{page}: edgewise {mention}"
        if isinstance(COMMANDS[first], click.Group) and len(mention.split()) > 1:
            assert mention.strip() in COMMANDS, f"{page}: edgewise {mention}"


@pages
def test_every_option_exists(page: Path) -> None:
    known = {option for command in COMMANDS.values() for parameter in command.params for option in spellings(parameter)}
    mentions = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "\n".join(code(page))))
    assert mentions - known - OPTIONS_OF_OTHER_PROGRAMS - {"--help", "--version"} == set()


@pages
def test_every_route_exists(page: Path) -> None:
    routes = openapi_document()["paths"]
    for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^`? ]*)", page.read_text()):
        assert path in routes, f"{page}: {path}"
        assert method.lower() in routes[path], f"{page}: {method} {path}"


@pages
def test_every_file_exists(page: Path) -> None:
    files = {file for block in code(page) for file in FILE.findall(block)} - BUILT
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("page", [ARCHITECTURE, PACKAGE / "app.py"], ids=lambda page: page.name)
def test_every_module_of_the_architecture_exists(page: Path) -> None:
    named = MODULE.findall(page.read_text() if page.suffix == ".py" else "\n".join(code(page)))
    assert len(named) >= 5
    assert [f"{room}/{module}" for room, module in named if not (PACKAGE / room / f"{module}.py").exists()] == []


def test_the_architecture_lists_every_room_below_the_rooms_it_imports() -> None:
    table = ARCHITECTURE.read_text().partition("\n## Rooms\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(MAY_IMPORT)
    for room, allowed in MAY_IMPORT.items():
        assert {one.partition(".")[0] for one in allowed} <= {*listed[: listed.index(room)]}, room


def test_the_reference_documents_every_route() -> None:
    page = (ROOT / "docs/reference/http-api.md").read_text()
    for path in openapi_document()["paths"]:
        assert f"{path}`" in page, path


def test_the_reference_documents_every_status_of_an_error() -> None:
    page = (ROOT / "docs/reference/http-api.md").read_text()
    operations = [operation for route in openapi_document()["paths"].values() for operation in route.values()]
    statuses = {status for operation in operations for status in operation["responses"] if int(status) >= 400}
    documented = set(re.findall(r"\b[45]\d\d\b", " ".join(re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE))))
    assert statuses <= documented


@pytest.mark.parametrize("page", ["README.md", "docs/guides/quick-start.md", "docs/reference/sdk.md"])
def test_the_snippet_is_the_built_stub_and_the_tag(page: str) -> None:
    tag = r'<script async crossorigin src="[^"]*/edgewise.js" data-write-key="'
    assert re.search(rf"<script>{re.escape(STUB)}</script>\n *{tag}", (ROOT / page).read_text())


@pages
def test_policies_and_sites_in_the_documents_are_valid(page: Path, tmp_path: Path) -> None:
    for number, example in enumerate(re.findall(r"^```toml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)):
        folder = tmp_path / str(number)
        folder.mkdir()
        if "placement =" in example:
            (folder / "example.toml").write_text(example)
        else:
            (folder / "example.toml").write_text(completed(example))
            (folder / "site.toml").write_text(site_part(example))
        load_sites(folder)


def completed(example: str) -> str:
    """A policy around an example of actions, pins or keys at the top of the file."""
    tables = tomllib.loads(example)
    top = "".join(line + "\n" for line in example.split("\n") if re.match(r"sticky =", line))
    rest = re.sub(r"^sticky = .*\n", "", example, flags=re.MULTILINE)
    ids = {action["id"] for action in tables.get("actions", ())}
    pinned = {pin["action"] for pin in tables.get("pins", ())} - ids
    baseline = "".join(f'\n[[actions]]\nid = "{id}"\n' for id in ("default", *sorted(pinned)))
    is_policy = tables.keys() & {"actions", "features", "pins", "sticky"}
    return f'placement = "example"\nbaseline = "default"\n{top}{rest if is_policy else ""}{baseline}'


def site_part(example: str) -> str:
    tables: dict[str, Any] = tomllib.loads(example)
    return "" if tables.keys() & {"actions", "features", "pins", "sticky", "when"} else example


def code(page: Path) -> list[str]:
    """Code blocks and inline code."""
    text = page.read_text()
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    outside = re.sub(r"^ *```\w*\n.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*blocks, *(f"`{one}`" for one in re.findall(r"`([^`\n]+)`", outside))]
