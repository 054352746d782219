"""The rooms import one way, and strangers come in by one door each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import edgewise

PACKAGE = Path(edgewise.__file__).parent

PLAIN = {"edgewise.policies.policy", "edgewise.policies.values"}
"""Plain types inside a room, and how values are read from a text: every other room may import these."""

MAY_IMPORT: dict[str, set[str]] = {
    "policies": set(),
    "visitors": set(),
    "bandit": set(),
    "store": set(),
    "serving": {"policies", "visitors", "bandit", "store"},
    # What the learner has counted is plain data too.
    "http": {"serving", "policies", "visitors", "bandit", "store", "learner.statistics"},
    "learner": {"bandit", "policies", "store"},
    "courier": {"serving", "policies", "visitors", "store"},
    "evaluate": {"learner", "bandit", "policies", "store"},
    "demo": {"policies"},
    "processes": {"bandit", "policies", "store"},
    "commands": {"courier", "serving", "visitors", "policies", "store", "learner"},
}
"""What each room may import, beside what stands outside the rooms and knows none of them."""

DOORS = {
    "vowpal_wabbit_next": "bandit",
    "redis": "store",
    "hiredis": "store",
    "starlette": "http",
}
"""Which room a stranger comes in by."""

ASSEMBLED = {"app", "demo.storefront"}
"""Modules that put the rooms together, and may know every stranger; and the demo's shop, which is a customer's app."""


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
def imported_by() -> dict[str, set[str]]:
    """Of each module of ours, which others of ours it imports."""
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
    """The room that a module of ours is in; None for those that stand beside the rooms."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else None


def knows_no_room(module: str, graph: dict[str, set[str]]) -> bool:
    """Whether a module, with all that it imports, stands outside the rooms."""
    if module in PLAIN:
        return True
    return room(module) is None and all(knows_no_room(one, graph) for one in graph.get(module, ()) if one != module)


def test_every_folder_is_a_room() -> None:
    assert {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_room_imports_one_way(name: str) -> None:
    graph = imported_by()
    allowed = {f"edgewise.{one}" for one in MAY_IMPORT[name] | {name}}
    wrong = [
        f"{module} imports {imported}"
        for module in graph
        if room(module) == name
        for imported in graph[module]
        if not any(imported == one or imported.startswith(f"{one}.") for one in allowed)
        and not knows_no_room(imported, graph)
    ]
    assert wrong == []


@pytest.mark.parametrize("stranger", DOORS)
def test_a_stranger_comes_in_by_one_door(stranger: str) -> None:
    by = {one.module for one in imports() if one.imported.partition(".")[0] == stranger}
    assert by, f"{stranger}: nobody imports it any more"
    elsewhere = {module for module in by if room(module) != DOORS[stranger]}
    assert elsewhere - {f"edgewise.{module}" for module in ASSEMBLED} == set()


def test_nothing_imports_in_a_circle() -> None:
    graph = imported_by()
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle: {' -> '.join((*path[path.index(module) :], module))}"
        if module in done:
            return
        for imported in sorted(graph.get(module, ())):
            if imported != module:
                visit(imported, (*path, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())
