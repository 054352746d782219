"""`GET /openapi.json`: this API, described from the very types that it reads and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, get_args

import msgspec

from edgewise import __version__
from edgewise.http.auth import Gate
from edgewise.http.content import JSON
from edgewise.http.endpoint import Call, Door
from edgewise.http.requests import (
    MAX_MESSAGES,
    BatchBody,
    DecideBody,
    PreviewBody,
    ProfileBody,
    SingleBody,
    message_type,
)
from edgewise.http.responses import (
    BatchAnswer,
    DecideAnswer,
    ErasureAnswer,
    ErrorAnswer,
    PoliciesAnswer,
    PolicyAnswer,
    PreviewAnswer,
    ProfileAnswer,
    StatusAnswer,
    send_bytes,
)
from edgewise.visitors.message import Kind, Message

_Json: TypeAlias = dict[str, Any]

_REF = "#/components/schemas/"
_NO_KEY = {401: "No key, or a wrong one."}
_WRONG_BODY = _NO_KEY | {
    400: "The body is malformed, or not what it must be.",
    403: "The page's origin is none of the site's.",
    408: "The body takes too long to arrive.",
    413: "The body, or the batch, is too large.",
    415: "The body is of an unknown format.",
}
_NOT_DECIDED = _WRONG_BODY | {
    403: "The page's origin is none of the site's, or the preview is for another site or another action.",
    404: "What the preview shows is no longer there.",
    410: "The preview has expired.",
    503: "A preview cannot be checked, because the store has not been reached yet.",
}
_NOT_RECORDED = _WRONG_BODY | {
    503: "The store did not acknowledge in time. Sending the same again is harmless; Retry-After says when."
}
_NO_REPORT = _NO_KEY | {
    400: "There are several sites, and none is named.",
    404: "There is no such site or placement.",
    503: "The store does not answer.",
}
_SITE = {
    "name": "site",
    "in": "query",
    "description": "May be left out when there is only one.",
    "schema": {"type": "string"},
}
_OPTED_OUT = {
    "name": "Sec-GPC",
    "in": "header",
    "description": "1 (Global Privacy Control) counts as consent denied, whatever the body says.",
    "schema": {"type": "string"},
}
_PLACEMENT = {"name": "placement", "in": "path", "required": True, "schema": {"type": "string"}}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "An anonymous id or a user id; both are tried.",
    "schema": {"type": "string", "maxLength": 256},
}
_NOW = {
    "name": "now",
    "in": "query",
    "description": "Whether to begin at once, instead of waiting for other erasures.",
    "schema": {"type": "boolean", "default": False},
}
_ANONYMOUS = {
    "name": "anonymous",
    "in": "query",
    "description": "Whether the id is an anonymous one. Where it is not said, a new id is taken for a user's.",
    "schema": {"type": "boolean", "default": False},
}
_NO_PROFILE = _NO_KEY | {
    400: "The id or the query is wrong, or there are several sites, and none is named.",
    404: "There is no such site.",
    503: "The store does not answer.",
}
_JAVASCRIPT: _Json = {"text/javascript": {"schema": {"type": "string"}}}
_PART = {
    "name": "part",
    "in": "path",
    "required": True,
    "description": "Which file: `-tcf.js`, `-consent-mode.js`, `-capture.js`, `-debug.js`, or a map (`.js.map`).",
    "schema": {"type": "string"},
}
_FILE = {"name": "file", "in": "path", "required": True, "schema": {"type": "string"}}
_VERSION = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "That of this server; what stands under it never changes.",
    "schema": {"type": "string", "const": __version__},
}
_SECURITY = {
    "writeKey": {
        "type": "http",
        "scheme": "basic",
        "description": "The site's publishable write key as user name. The body's field `writeKey` does as well.",
    },
    "secretKey": {"type": "http", "scheme": "bearer", "description": "The secret key; for servers only."},
}


class OpenApi(Door):
    """Answers with the description, which is made once."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self._description = msgspec.json.encode(description())

    async def open(self, call: Call) -> None:
        await send_bytes(call.send, 200, self._description, JSON.content_type)


def description() -> _Json:
    """The OpenAPI 3.1 document."""
    singles = {kind: message_type(kind) for kind in get_args(Kind)}
    bodies = (DecideBody, BatchBody, SingleBody, PreviewBody, ProfileBody, Message, *singles.values())
    answers = (
        DecideAnswer,
        BatchAnswer,
        PoliciesAnswer,
        PolicyAnswer,
        ProfileAnswer,
        ErasureAnswer,
        PreviewAnswer,
        StatusAnswer,
        ErrorAnswer,
    )
    _, schemas = msgspec.json.schema_components((*bodies, *answers), ref_template=_REF + "{name}")
    # Each message is read on its own, hence the body's type does not say what they are.
    schemas["BatchBody"]["properties"]["batch"] |= {"items": _ref(Message), "maxItems": MAX_MESSAGES}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Edgewise",
            "version": __version__,
            "description": "What to show to whom, and what came of it.",
        },
        "paths": {
            "/v1/decide": _post("What to show in each placement.", _ref(DecideBody), DecideAnswer, _NOT_DECIDED),
            "/v1/batch": _post(
                "What visitors did. A message that is wrong is refused by its place in the batch, others are recorded.",
                _ref(BatchBody),
                BatchAnswer,
                _NOT_RECORDED,
            ),
            **{
                f"/v1/{kind}": _post(
                    f"One {kind} message.", {"allOf": [_ref(SingleBody), _ref(type)]}, BatchAnswer, _NOT_RECORDED
                )
                for kind, type in singles.items()
            },
            "/v1/policies": _get("How a site's policies do.", PoliciesAnswer, _NO_REPORT, [_SITE]),
            "/v1/policies/{placement}": _get("How a policy does.", PolicyAnswer, _NO_REPORT, [_PLACEMENT, _SITE]),
            "/v1/profiles/{id}": _profile(),
            "/v1/previews": _preview(),
            "/edgewise.js": _open_get("The browser SDK.", _JAVASCRIPT),
            "/edgewise{part}": _file("A further file of the browser SDK.", _PART),
            "/sdk/{version}/{file}": _file("A file of the browser SDK, for pages that name its hash.", _VERSION, _FILE),
            "/healthz": _get("Whether the process is alive.", StatusAnswer),
            "/readyz": _get("Whether the store answers and all sites can be served.", StatusAnswer, {503: "Not now."}),
            "/metrics": _open_get("Metrics for Prometheus.", {"text/plain": {"schema": {"type": "string"}}}),
            "/openapi.json": _open_get("This document.", {"application/json": {"schema": {"type": "object"}}}),
        },
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def _post(summary: str, body: _Json, answer: type, errors: Mapping[int, str]) -> _Json:
    content = {media_type: {"schema": body} for media_type in ("application/json", "text/plain", "application/msgpack")}
    return {
        "post": {
            "summary": summary,
            "security": [{"writeKey": []}, {"secretKey": []}, {}],
            "parameters": [_OPTED_OUT],
            "requestBody": {"required": True, "content": content},
            "responses": _responses(answer, errors),
        }
    }


def _get(
    summary: str, answer: type, errors: Mapping[int, str] | None = None, parameters: Sequence[_Json] = ()
) -> _Json:
    """What has parameters tells of a site, and is for servers."""
    return {
        "get": {
            "summary": summary,
            "security": [{"secretKey": []}] if parameters else [],
            "parameters": list(parameters),
            "responses": _responses(answer, errors or {}),
        }
    }


def _profile() -> _Json:
    """What servers may do with what is held of a visitor."""
    secret: _Json = {"security": [{"secretKey": []}]}
    content = {"application/json": {"schema": _ref(ProfileBody)}, "application/msgpack": {"schema": _ref(ProfileBody)}}
    return {
        "get": secret
        | {
            "summary": "All that is held of a visitor, but for the log.",
            "parameters": [_ID, _SITE],
            "responses": _responses(ProfileAnswer, _NO_PROFILE | {404: "There is no such site, or nothing is held."}),
        },
        "put": secret
        | {
            "summary": "Tell traits of a visitor; what was known beside them stays.",
            "parameters": [_ID, _ANONYMOUS, _SITE],
            "requestBody": {"required": True, "content": content},
            "responses": _responses(ProfileAnswer, _NO_PROFILE | {413: "The body is too large."}),
        },
        "delete": {
            "summary": "Erase a visitor: profiles at once, log entries and what models know of them in time.",
            "security": [{"secretKey": []}],
            "parameters": [_ID, _NOW, _SITE],
            "responses": _responses(ErasureAnswer, _NO_PROFILE, 202),
        },
    }


def _preview() -> _Json:
    """What servers may have shown on purpose."""
    errors = _WRONG_BODY | {404: "There is no such placement or action.", 503: "The store has not been reached yet."}
    operation = _post(
        "A token that has one action shown, or, for debugging, any action of the site.",
        _ref(PreviewBody),
        PreviewAnswer,
        errors,
    )
    operation["post"] |= {"security": [{"secretKey": []}], "parameters": []}
    return operation


def _open_get(summary: str, content: _Json) -> _Json:
    return {
        "get": {
            "summary": summary,
            "security": [],
            "responses": {"200": {"description": "Always.", "content": content}},
        }
    }


def _file(summary: str, *parameters: _Json) -> _Json:
    """A file whose name or version may be wrong."""
    said = _open_get(summary, _JAVASCRIPT)
    said["get"] |= {"parameters": list(parameters)}
    said["get"]["responses"] |= {"404": _responses(ErrorAnswer, {}, 404)["404"] | {"description": "There is none."}}
    return said


def _responses(answer: type, errors: Mapping[int, str], status: int = 200) -> _Json:
    said = {status: ("The answer.", answer), **{status: (meaning, ErrorAnswer) for status, meaning in errors.items()}}
    return {
        str(status): {
            "description": meaning,
            "content": {
                media_type: {"schema": _ref(type)} for media_type in ("application/json", "application/msgpack")
            },
        }
        for status, (meaning, type) in sorted(said.items())
    }


def _ref(type: type) -> _Json:
    return {"$ref": _REF + type.__name__}
