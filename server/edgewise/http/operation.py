"""An operation of the API, with the parameters and errors that operations share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from edgewise import __version__

Access: TypeAlias = Literal["browser", "server", "public"]
"""Who may call: browsers and servers with a write key, only servers with the secret key, or everyone without a key."""

MediaType: TypeAlias = Literal["application/json", "application/msgpack", "text/plain", "text/javascript"]
Errors: TypeAlias = Mapping[int, str]
"""The meaning of each error status."""


class Parameter(NamedTuple):
    """A parameter of an operation. Those in a path are required. `schema` is a JSON Schema."""

    name: str
    location: Literal["path", "query", "header"]
    description: str
    schema: Mapping[str, Any]


class Operation(NamedTuple):
    """A method and a path, such as `GET /healthz`.

    `endpoint` names the endpoint that handles it. `response` is a type, or the media type of a response without one.
    `request` lists the types that the body must match. `aliases` are other paths of the same operation. A response with
    `has_etag` is not sent again to a client that has it.
    """

    name: str
    endpoint: str
    summary: str
    response: type[Struct] | MediaType
    request: Sequence[type[Struct]] = ()
    request_media_types: Sequence[MediaType] = ("application/json", "text/plain", "application/msgpack")
    errors: Errors = MappingProxyType({})
    parameters: Sequence[Parameter] = ()
    access: Access = "server"
    status: int = 200
    aliases: Sequence[str] = ()
    has_etag: bool = False

    @property
    def method(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path as Starlette writes it."""
        return self.name.partition(" ")[2]


_TEXT = {"type": "string"}
_FLAG = {"type": "boolean", "default": False}

SITE = Parameter("site", "query", "The name of the site. Optional if there is only one.", _TEXT)
PLACEMENT = Parameter("placement", "path", "The id of the placement.", _TEXT)
VISITOR = Parameter("id", "path", "An anonymous id or a user id of the visitor.", _TEXT | {"maxLength": 256})
ANONYMOUS = Parameter("anonymous", "query", "Whether the id is an anonymous id. By default it is a user id.", _FLAG)
FORM = Parameter(
    "form", "query", "What conditions see, by default, or the stored form.", {"enum": ["conditions", "stored"]}
)
NOW = Parameter("now", "query", "Whether to erase at once, without waiting for more erasures.", _FLAG)
PRIVACY_CONTROL = Parameter(
    "Sec-GPC", "header", "Global Privacy Control. With the value 1, consent is denied, regardless of the body.", _TEXT
)
SDK_PART = Parameter(
    "part",
    "path",
    "The rest of the file name: `-tcf.js`, `-consent-mode.js`, `-capture.js`, `-debug.js`, or that of a source map.",
    _TEXT,
)
SDK_VERSION = Parameter(
    "version",
    "path",
    "The version of this server. A file never changes under its version.",
    _TEXT | {"const": __version__},
)
SDK_FILE = Parameter("file", "path", "The name of the file.", _TEXT)

PREVIEW = Parameter("preview", "query", "A preview token for debugging. Only the debugger needs it.", _TEXT)

COMMON_ERRORS: Errors = {
    400: "The request is malformed.",
    408: "The request arrived too slowly.",
    431: "The address and the headers together are too large.",
    500: "An internal error. The server's log has its place.",
    503: "The server has too many connections.",
}
"""The errors of every operation, unless it describes them itself."""

_KEY_ERRORS: Errors = {401: "The key is missing or wrong."}
_BODY_ERRORS: Errors = {
    **_KEY_ERRORS,
    400: "The body is malformed or invalid.",
    403: "The site does not allow the page's origin.",
    413: "The body or the batch is too large.",
    415: "The format of the body is not supported.",
}
DECIDE_ERRORS: Errors = {
    **_BODY_ERRORS,
    403: "The site does not allow the page's origin, or the preview token is for another site or action.",
    404: "The action or the placement of the preview token no longer exists.",
    410: "The preview token expired.",
    503: "The preview token cannot be checked yet, because the store is not reachable.",
}
RECORD_ERRORS: Errors = {
    **_BODY_ERRORS,
    429: "The address has sent too many messages. Send the same again after Retry-After seconds.",
    503: "The store did not acknowledge in time. Send the same again after Retry-After seconds. Repeats are harmless.",
}
POLICY_ERRORS: Errors = {
    **_KEY_ERRORS,
    400: "The site is missing, and there are several sites.",
    404: "The site or the placement is unknown.",
    503: "The store did not answer in time.",
}
PROFILE_ERRORS: Errors = {
    **_KEY_ERRORS,
    400: "The id or the query is invalid, or the site is missing and there are several sites.",
    404: "The site is unknown.",
    503: "The store did not answer in time.",
}
TRAIT_ERRORS: Errors = {
    **PROFILE_ERRORS,
    413: "The body is too large.",
    415: "The format of the body is not supported.",
}
PREVIEW_ERRORS: Errors = {
    **_BODY_ERRORS,
    404: "The placement or the action is unknown.",
    503: "The store is not reachable yet.",
}
SDK_ERRORS: Errors = {
    400: "The file is the debugger, and the preview token is missing or invalid.",
    403: "The preview token is for another site or action.",
    404: "The file does not exist, or this server has another version.",
    410: "The preview token expired.",
}
READINESS_ERRORS: Errors = {503: "The server is not ready."}
