from __future__ import annotations

from typing import cast

from starlette.routing import Route
from starlette.types import ASGIApp

from edgewise.http.operation import Operation
from edgewise.http.responses import StatusResponse
from edgewise.http.routes import OPERATIONS, build_routes

ENDPOINT, OTHER, PREFLIGHT = (cast("ASGIApp", object()) for _ in range(3))


def test_methods_of_a_path_share_a_route() -> None:
    operations = [Operation(f"{method} /thing", "thing", "", StatusResponse) for method in ("GET", "PUT", "DELETE")]
    (route,) = build_routes({"thing": ENDPOINT}, PREFLIGHT, operations)
    assert isinstance(route, Route)
    assert (route.path, route.app, route.methods) == ("/thing", ENDPOINT, {"GET", "HEAD", "PUT", "DELETE"})


def test_aliases_and_preflights_have_routes_after_the_path() -> None:
    operation = Operation("POST /long", "thing", "", StatusResponse, access="browser", aliases=["/l"])
    other = Operation("POST /other", "other", "", StatusResponse)
    routes = build_routes({"thing": ENDPOINT, "other": OTHER}, PREFLIGHT, [operation, other])
    assert [(route.path, route.app, route.methods) for route in routes if isinstance(route, Route)] == [
        ("/long", ENDPOINT, {"POST"}),
        ("/l", ENDPOINT, {"POST"}),
        ("/other", OTHER, {"POST"}),
        ("/long", PREFLIGHT, {"OPTIONS"}),
        ("/l", PREFLIGHT, {"OPTIONS"}),
    ]


def test_operations_have_distinct_names_and_paths() -> None:
    names = [operation.name for operation in OPERATIONS]
    paths = [*{operation.path for operation in OPERATIONS}, *(alias for one in OPERATIONS for alias in one.aliases)]
    assert len(set(names)) == len(names)
    assert len(set(paths)) == len(paths)


def test_only_posts_and_puts_have_a_body() -> None:
    for operation in OPERATIONS:
        assert bool(operation.request) == (operation.method in ("POST", "PUT")), operation.name
