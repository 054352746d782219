"""The document describes the API as it is."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from edgewise.http.openapi import openapi_document
from tests.servers import BEARER, Server

one_server = pytest.mark.asyncio(loop_scope="module")


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own: set[str] = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(value) for value in node.values()))
    return {one for item in node for one in references(item)} if isinstance(node, list) else set()


def missing(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """The fields of a response that are not in its schema."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        inner = (missing(item, known[name], schemas) for name, item in value.items() if name in known)
        return set(value.keys() - known.keys()).union(*inner)
    if isinstance(value, list) and "items" in schema:
        return set().union(*(missing(item, schema["items"], schemas) for item in value))
    return set()


@one_server
async def test_every_route_is_described(server: Server) -> None:
    routes = {
        (route.path.replace(":path}", "}"), method)
        for route in server.app.routes
        if isinstance(route, Route)
        for method in (route.methods or ())
        if method != "HEAD"  # It is the same as GET, without the body.
    }
    described = {(path, method.upper()) for path, item in openapi_document()["paths"].items() for method in item}
    assert described == routes


def test_every_reference_resolves() -> None:
    document = openapi_document()
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    schemes = {
        name
        for item in document["paths"].values()
        for one in item.values()
        for scheme in one["security"]
        for name in scheme
    }
    assert schemes == document["components"]["securitySchemes"].keys()


def test_every_path_parameter_is_described() -> None:
    for path, item in openapi_document()["paths"].items():
        for operation in item.values():
            named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_every_operation_describes_the_errors_that_every_request_can_have() -> None:
    for item in openapi_document()["paths"].values():
        for method, operation in item.items():
            if method != "options":
                assert {"400", "408", "431", "500", "503"} <= operation["responses"].keys()
                assert ("requestBody" in operation) == ({"413", "415"} <= operation["responses"].keys())


@one_server
async def test_responses_match_their_schemas(server: Server) -> None:
    document = (await server.get("/openapi.json")).json()
    assert document == msgspec.json.decode(msgspec.json.encode(openapi_document()))
    schemas = document["components"]["schemas"]
    decide = {"placements": ["hero", "row", "nope"]}
    batch = {"batch": [5, {"type": "page", "anonymousId": "v"}]}
    for path, response in {
        "/v1/decide": await server.post("/v1/decide", decide),
        "/v1/batch": await server.post("/v1/batch", batch),
        "/v1/track": await server.post("/v1/track", {"event": 5}),
        "/v1/policies": await server.get("/v1/policies", **BEARER),
        "/v1/policies/{placement}": await server.get("/v1/policies/hero", **BEARER),
        "/readyz": await server.get("/readyz"),
    }.items():
        (operation,) = (one for method, one in document["paths"][path].items() if method != "options")
        content = operation["responses"][str(response.status_code)]["content"]
        assert missing(response.json(), content["application/json"]["schema"], schemas) == set()
