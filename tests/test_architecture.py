"""Imports between the rooms go one way, and one room imports each large library."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import edgewise

PACKAGE = Path(edgewise.__file__).parent

FOUNDATION = {"config"}
"""Rooms that import no other room, and that every module may import."""

PLAIN_TYPES = {"edgewise.policies.policy"}
"""Modules of plain types inside a room. Every room may import them."""

MAY_IMPORT: dict[str, set[str]] = {
    "config": set(),
    "ids": set(),
    "conditions": set(),
    "visitors": set(),
    "bandit": set(),
    "store": set(),
    "budgets": {"store"},
    "policies": {"conditions", "visitors"},
    "webhooks": {"ids", "conditions", "policies", "visitors", "store"},
    "serving": {"ids", "policies", "visitors", "bandit", "store", "webhooks"},
    "decisions": {"ids", "policies", "visitors", "bandit", "store", "serving"},
    "events": {"ids", "budgets", "policies", "visitors", "store", "serving", "webhooks"},
    "privacy": {"ids", "visitors", "store", "webhooks", "events", "decisions", "learner.erasure"},
    "http": {
        *("ids", "budgets", "policies", "visitors", "bandit", "store"),
        *("serving", "decisions", "events", "privacy", "webhooks"),
    },
    "learner": {"bandit", "policies", "store"},
    "evaluation": {"decisions.engine", "learner", "bandit", "policies", "store"},
    "demo": {"policies"},
    "processes": {"http.connections", "http.protocol", "bandit", "policies", "store"},
    "commands": {"ids", "webhooks", "serving", "decisions", "privacy", "visitors", "policies", "store", "learner"},
}
"""The rooms that each room may import, in addition to its own modules and the modules outside the rooms."""

LIBRARY_ROOMS = {
    "vowpal_wabbit_next": "bandit",
    "redis": "store",
    "hiredis": "store",
    "starlette": "http",
}
"""The one room that may import each of these libraries."""

ASSEMBLIES = {"app", "demo.storefront"}
"""Modules that may import every library: the application, and the demo's shop, which is an application of its own."""


class Import(NamedTuple):
    module: str
    imported: str


@cache
def imports() -> tuple[Import, ...]:
    return tuple(_imports())


def _imports() -> Iterator[Import]:
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (Import(module, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module}: found a relative import, expected an absolute one"
                assert node.module is not None
                yield from (Import(module, _imported(node.module, name.name)) for name in node.names)


@cache
def import_graph() -> dict[str, set[str]]:
    """The modules of this package that each of its modules imports."""
    graph: dict[str, set[str]] = {}
    for module, imported in imports():
        if imported.partition(".")[0] == "edgewise":
            graph.setdefault(module, set()).add(imported)
    return graph


def _imported(module: str, name: str) -> str:
    """`from package import module` imports the module, `from module import name` does not import the name."""
    path = PACKAGE.parent.joinpath(*module.split("."), name)
    return f"{module}.{name}" if path.is_dir() or path.with_suffix(".py").exists() else module


def room(module: str) -> str | None:
    """The room of a module. None for a module outside the rooms."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else None


def imports_no_room(module: str, graph: dict[str, set[str]]) -> bool:
    """Whether every room may import this module: neither it nor its imports are in a room above the foundation."""
    if module in PLAIN_TYPES or room(module) in FOUNDATION:
        return True
    return room(module) is None and all(imports_no_room(one, graph) for one in graph.get(module, ()) if one != module)


def test_every_folder_is_a_room() -> None:
    assert {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_it_may_import(name: str) -> None:
    graph = import_graph()
    allowed = {f"edgewise.{one}" for one in MAY_IMPORT[name] | {name}}
    wrong = [
        f"{module} imports {imported}"
        for module in graph
        if room(module) == name
        for imported in graph[module]
        if not any(imported == one or imported.startswith(f"{one}.") for one in allowed)
        and not imports_no_room(imported, graph)
    ]
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARY_ROOMS)
def test_one_room_imports_each_large_library(library: str) -> None:
    importers = {one.module for one in imports() if one.imported.partition(".")[0] == library}
    assert importers, f"{library}: no module imports it. Remove it from LIBRARY_ROOMS."
    elsewhere = {module for module in importers if room(module) != LIBRARY_ROOMS[library]}
    assert elsewhere - {f"edgewise.{module}" for module in ASSEMBLIES} == set()


def test_no_two_modules_have_the_same_name() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if not file.stem.startswith("__")]
    rooms = [folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()]
    names = Counter([file.stem for file in files] + rooms)
    assert {name for name, count in names.items() if count > 1} == set()


def test_no_two_modules_have_a_public_class_of_the_same_name() -> None:
    names = Counter(
        node.name
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} == set()


def test_imports_have_no_cycle() -> None:
    graph = import_graph()
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"import cycle: {' -> '.join((*path[path.index(module) :], module))}"
        if module in done:
            return
        for imported in sorted(graph.get(module, ())):
            if imported != module:
                visit(imported, (*path, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_the_decision_engine_does_not_reach_the_store() -> None:
    graph, reached, pending = import_graph(), set[str](), ["edgewise.decisions.engine"]
    while pending:
        module = pending.pop()
        pending += graph.get(module, set()) - reached
        reached.add(module)
    assert {room(module) for module in reached} & {"store", "serving", "http", "events", "webhooks"} == set()
