"""Error responses: every exception becomes a response of one shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edgewise.decisions.preview_token import WrongPreview
from edgewise.errors import Problem, RequestError, StoreError
from edgewise.http.content import response_format
from edgewise.http.responses import ErrorDetail, ErrorInfo, ErrorResponse, HeaderList
from edgewise.logs import ThrottledLog, describe_fault

log = logging.getLogger(__name__)
_store_errors = ThrottledLog(log, "Answered %d requests with 503. The last reason: %s")

_HEADERS: Mapping[int, HeaderList] = {
    # Bearer, because Basic would make a browser ask its user for a password.
    401: ((b"www-authenticate", b'Bearer realm="edgewise"'),),
    # No `connection: close` for 413: closing it before the end of a large body would hide the response from its sender.
    429: ((b"retry-after", b"10"),),
    503: ((b"retry-after", b"1"),),
}

_PREVIEW_STATUS: Mapping[str, int] = {
    "invalid_preview": 400,
    "foreign_preview": 403,
    "preview_limited": 403,
    "preview_gone": 404,
    "preview_expired": 410,
}


def to_request_error(error: Exception) -> RequestError:
    """The error to answer with. Unexpected exceptions are logged here, without any content of the request."""
    match error:
        case RequestError():
            return error
        case WrongPreview():
            problem = Problem("preview", str(error).removeprefix("preview: "))
            return RequestError.invalid(problem, status=_PREVIEW_STATUS[error.code], code=error.code)
        case StoreError():
            _store_errors.report(error)
            message = "The store did not acknowledge in time. Send the request again later. Repeats are harmless."
            return RequestError(503, "store_unavailable", message)
        case HTTPException():
            return RequestError(error.status_code, "invalid_request", error.detail)
    log.error("A request failed with %s.", describe_fault(error))
    return RequestError(500, "internal_error", "Internal error. See the server's log.")


def to_error_response(error: RequestError) -> ErrorResponse:
    details = [ErrorDetail(problem.path, problem.message) for problem in error.details]
    return ErrorResponse(ErrorInfo(error.code, error.message, details))


def error_headers(error: RequestError) -> HeaderList:
    """The headers that an error of this status has, in addition to those of every response."""
    return _HEADERS.get(error.status, ())


async def handle_http_error(request: Request, exception: Exception) -> Response:
    """Starlette's handler for requests that match no route."""
    error = _routing_error(request, exception)
    format = response_format(dict(request.scope["headers"]))
    content_type = format.content_type.decode()
    response = Response(format.encode(to_error_response(error)), error.status, media_type=content_type)
    response.headers.update(getattr(exception, "headers", None) or {})
    return response


def _routing_error(request: Request, exception: Exception) -> RequestError:
    match exception:
        case HTTPException(status_code=404):
            return RequestError(404, "not_found", f"Unknown path {_quoted(request.url.path)}. See /openapi.json.")
        case HTTPException(status_code=405, headers=headers):
            *others, last = sorted((headers or {}).get("Allow", "").split(", "))
            allowed = f"{', '.join(others)} or {last}" if others else last
            return RequestError(405, "method_not_allowed", f"Method not allowed. Use {allowed}.")
    return to_request_error(exception)


def _quoted(path: str) -> str:
    """The path, shortened, with everything but printable ASCII escaped."""
    return path[:80].encode("unicode_escape").decode("ascii")
