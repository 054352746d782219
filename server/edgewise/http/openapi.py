"""`GET /openapi.json`: the description of the API, made from the table of routes and the types in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from edgewise import __version__
from edgewise.http.auth import Authenticator
from edgewise.http.content import JSON
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.operation import COMMON_ERRORS, Access, MediaType, Operation, Parameter
from edgewise.http.requests import MAX_MESSAGES
from edgewise.http.responses import ErrorResponse, send_bytes
from edgewise.http.routes import OPERATIONS
from edgewise.visitors.message import Message

_Json: TypeAlias = dict[str, Any]

_REF = "#/components/schemas/"
_SECURITY: dict[Access, list[_Json]] = {
    "browser": [{"writeKey": []}, {"secretKey": []}, {}],
    "server": [{"secretKey": []}],
    "public": [],
}
_SECURITY_SCHEMES = {
    "writeKey": {
        "type": "http",
        "scheme": "basic",
        "description": "The site's public write key as the user name. The body may have it as `writeKey` instead.",
    },
    "secretKey": {"type": "http", "scheme": "bearer", "description": "The secret key. Only servers may have it."},
}
_PREFLIGHT: _Json = {
    "summary": "Ask whether a page may call (CORS).",
    "security": [],
    "responses": {"204": {"description": "The headers of the response are the answer."}},
}
_RESPONSE_MEDIA_TYPES: Sequence[MediaType] = ("application/json", "application/msgpack")


class OpenApiEndpoint(Endpoint):
    """Responds with the description, which is encoded once."""

    def __init__(self, auth: Authenticator) -> None:
        super().__init__(auth)
        self._document = msgspec.json.encode(openapi_document())

    async def handle(self, request: HttpRequest) -> None:
        await send_bytes(request.send, 200, self._document, JSON.content_type)


def openapi_document() -> _Json:
    """The OpenAPI 3.1 document."""
    paths: dict[str, _Json] = {}
    for operation in OPERATIONS:
        for path in (operation.path, *operation.aliases):
            methods = paths.setdefault(path.replace(":path}", "}"), {})
            methods[operation.method.lower()] = _operation(operation)
            if operation.access == "browser":
                methods["options"] = _PREFLIGHT
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Edgewise",
            "version": __version__,
            "description": "Decide what to show to each visitor, and record what the visitor does.",
        },
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _SECURITY_SCHEMES},
    }


def _schemas() -> _Json:
    types: list[type[Struct]] = [Message, ErrorResponse]
    for operation in OPERATIONS:
        types += operation.request
        types += [operation.response] if isinstance(operation.response, type) else []
    _, schemas = msgspec.json.schema_components(dict.fromkeys(types), ref_template=_REF + "{name}")
    # The type of the body leaves its messages undecoded, so it does not describe them.
    schemas["BatchBody"]["properties"]["batch"] |= {"items": _ref(Message), "maxItems": MAX_MESSAGES}
    return schemas


def _operation(operation: Operation) -> _Json:
    document: _Json = {
        "summary": operation.summary,
        "security": _SECURITY[operation.access],
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
    }
    if operation.request:
        refs = [_ref(type) for type in operation.request]
        schema = refs[0] if len(refs) == 1 else {"allOf": refs}
        content = {media_type: {"schema": schema} for media_type in operation.request_media_types}
        document["requestBody"] = {"required": True, "content": content}
    success = {"description": "The request succeeded.", "content": _content(operation.response)}
    errors = {
        str(status): {"description": meaning, "content": _content(ErrorResponse)}
        for status, meaning in sorted({**COMMON_ERRORS, **operation.errors}.items())
    }
    if operation.has_etag:
        errors["304"] = {"description": "The client has this file, as its If-None-Match shows."}
    return {**document, "responses": {str(operation.status): success, **errors}}


def _parameter(parameter: Parameter) -> _Json:
    required = {"required": True} if parameter.location == "path" else {}
    return {
        "name": parameter.name,
        "in": parameter.location,
        **required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _content(response: type[Struct] | MediaType) -> _Json:
    if isinstance(response, type):
        return {media_type: {"schema": _ref(response)} for media_type in _RESPONSE_MEDIA_TYPES}
    return {response: {"schema": {"type": "object" if response == "application/json" else "string"}}}


def _ref(type: type[Struct]) -> _Json:
    return {"$ref": _REF + type.__name__}
