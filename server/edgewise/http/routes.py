"""The table of routes, from which the app's routing and /openapi.json follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from edgewise.http import operation as shared
from edgewise.http.operation import Operation
from edgewise.http.requests import BatchBody, DecideBody, PreviewBody, ProfileBody, SingleBody, message_type
from edgewise.http.responses import (
    BatchResponse,
    DecideResponse,
    ErasureResponse,
    PoliciesResponse,
    PolicyResponse,
    PreviewResponse,
    ProfileResponse,
    StatusResponse,
)
from edgewise.visitors.message import Kind

# Segment's browser and mobile libraries use one-letter paths.
_SHORT_NAMES: Mapping[Kind, str] = {
    "track": "t",
    "page": "p",
    "identify": "i",
    "alias": "a",
    "screen": "s",
    "group": "g",
}

_BROWSER_OPERATIONS = (
    Operation(
        "POST /v1/decide",
        "decide",
        "Decide which action to show in each placement.",
        DecideResponse,
        request=[DecideBody],
        errors=shared.DECIDE_ERRORS,
        parameters=[shared.PRIVACY_CONTROL],
        access="browser",
    ),
    Operation(
        "POST /v1/batch",
        "batch",
        "Record what visitors did. Invalid messages are rejected by their index. The others are recorded.",
        BatchResponse,
        request=[BatchBody],
        errors=shared.RECORD_ERRORS,
        parameters=[shared.PRIVACY_CONTROL],
        access="browser",
        aliases=["/v1/b"],
    ),
    *(
        Operation(
            f"POST /v1/{kind}",
            kind,
            f"Record one message of type {kind}.",
            BatchResponse,
            request=[SingleBody, message_type(kind)],
            errors=shared.RECORD_ERRORS,
            parameters=[shared.PRIVACY_CONTROL],
            access="browser",
            aliases=[f"/v1/{_SHORT_NAMES[kind]}"],
        )
        for kind in get_args(Kind)
    ),
)
_SERVER_OPERATIONS = (
    Operation(
        "GET /v1/policies",
        "policies",
        "Get the results of all policies of a site.",
        PoliciesResponse,
        errors=shared.POLICY_ERRORS,
        parameters=[shared.SITE],
    ),
    Operation(
        "GET /v1/policies/{placement}",
        "policies",
        "Get the results of a policy.",
        PolicyResponse,
        errors=shared.POLICY_ERRORS,
        parameters=[shared.PLACEMENT, shared.SITE],
    ),
    Operation(
        "GET /v1/profiles/{id:path}",
        "profiles",
        "Get what conditions see of a visitor, or the stored form.",
        ProfileResponse,
        errors={**shared.PROFILE_ERRORS, 404: "The site is unknown, or stores nothing for this id."},
        parameters=[shared.VISITOR, shared.FORM, shared.SITE],
    ),
    Operation(
        "PUT /v1/profiles/{id:path}",
        "profiles",
        "Set traits of a visitor. Other traits keep their values.",
        ProfileResponse,
        request=[ProfileBody],
        request_media_types=["application/json", "application/msgpack"],
        errors=shared.TRAIT_ERRORS,
        parameters=[shared.VISITOR, shared.ANONYMOUS, shared.SITE],
    ),
    Operation(
        "DELETE /v1/profiles/{id:path}",
        "profiles",
        "Erase a visitor: profiles at once, log entries and their influence on models later.",
        ErasureResponse,
        errors=shared.PROFILE_ERRORS,
        parameters=[shared.VISITOR, shared.NOW, shared.SITE],
        status=202,
    ),
    Operation(
        "POST /v1/previews",
        "previews",
        "Make a token that shows one action, or, for debugging, any action of the site.",
        PreviewResponse,
        request=[PreviewBody],
        errors=shared.PREVIEW_ERRORS,
    ),
)
SDK_OPERATIONS = (
    Operation("GET /edgewise.js", "sdk", "Get the browser SDK.", "text/javascript", access="public", has_etag=True),
    Operation(
        "GET /edgewise{part}",
        "sdk",
        "Get another file of the browser SDK.",
        "text/javascript",
        errors=shared.SDK_ERRORS,
        parameters=[shared.SDK_PART, shared.PREVIEW],
        access="public",
        has_etag=True,
    ),
    Operation(
        "GET /sdk/{version}/{file}",
        "sdk",
        "Get a file of the browser SDK that never changes, for pages with subresource integrity.",
        "text/javascript",
        errors=shared.SDK_ERRORS,
        parameters=[shared.SDK_VERSION, shared.SDK_FILE, shared.PREVIEW],
        access="public",
        has_etag=True,
    ),
)
_OPERATOR_OPERATIONS = (
    Operation("GET /healthz", "health", "Check that the process is alive.", StatusResponse, access="public"),
    Operation(
        "GET /readyz",
        "readiness",
        "Check that the store accepts writes and all sites are loaded.",
        StatusResponse,
        errors=shared.READINESS_ERRORS,
        access="public",
    ),
    Operation("GET /metrics", "metrics", "Get metrics for Prometheus.", "text/plain", access="public"),
    Operation("GET /openapi.json", "openapi", "Get this document.", "application/json", access="public"),
)
OPERATIONS: Sequence[Operation] = (
    *_BROWSER_OPERATIONS,
    *_SERVER_OPERATIONS,
    *SDK_OPERATIONS,
    *_OPERATOR_OPERATIONS,
)


def build_routes(
    endpoints: Mapping[str, ASGIApp], preflight: ASGIApp, operations: Sequence[Operation] = OPERATIONS
) -> list[BaseRoute]:
    """The routes of the app, given the endpoints by name. Browsers also send preflight requests to their paths."""
    methods: dict[tuple[str, str], list[str]] = {}
    preflight_paths: list[str] = []
    for operation in operations:
        for path in (operation.path, *operation.aliases):
            methods.setdefault((path, operation.endpoint), []).append(operation.method)
            if operation.access == "browser":
                preflight_paths.append(path)
    return [
        *(Route(path, endpoints[endpoint], methods=names) for (path, endpoint), names in methods.items()),
        *(Route(path, preflight, methods=["OPTIONS"]) for path in preflight_paths),
    ]
