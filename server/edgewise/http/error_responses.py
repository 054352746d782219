"""Errors: whatever goes wrong is answered in one shape."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

from starlette.exceptions import HTTPException

from edgewise.decisions.preview_token import WrongPreview
from edgewise.errors import Problem, RequestError, StoreError
from edgewise.http.responses import DetailAnswer, ErrorAnswer, ErrorBody, HeaderList

log = logging.getLogger(__name__)

_HEADERS: Mapping[int, HeaderList] = {
    # Bearer, as Basic would make a browser ask its user for a password.
    401: ((b"www-authenticate", b'Bearer realm="edgewise"'),),
    # Not so for 413: closing before a large body is all there would keep its sender from reading why it was refused.
    408: ((b"connection", b"close"),),
    503: ((b"retry-after", b"1"),),
}

_PREVIEWS: Mapping[str, int] = {
    "invalid_preview": 400,
    "foreign_preview": 403,
    "preview_limited": 403,
    "preview_gone": 404,
    "preview_expired": 410,
}


def request_error(error: Exception) -> RequestError:
    """How an exception is answered. What nobody foresaw is logged here, without a word of what was in the request."""
    match error:
        case RequestError():
            return error
        case WrongPreview():
            problem = Problem("preview", str(error).removeprefix("preview: "))
            return RequestError(_PREVIEWS[error.code], error.code, str(error), [problem])
        case StoreError():
            log.warning("a request was refused: %s", error)
            message = "the store did not acknowledge in time, expected it to; sending the same again later is harmless"
            return RequestError(503, "store_unavailable", message)
        case HTTPException(status_code=404):
            return RequestError(404, "not_found", "path: found one that leads nowhere, expected one of /openapi.json")
        case HTTPException(status_code=405):
            allowed = (error.headers or {}).get("Allow", "another")
            return RequestError(405, "method_not_allowed", f"method: found another one, expected {allowed}")
        case HTTPException():
            return RequestError(error.status_code, "invalid_request", error.detail)
    # The message of an exception may quote what was sent; where it was raised does not.
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    log.error("a request failed: %s at %s", type(error).__name__, where)
    return RequestError(500, "internal_error", "something went wrong on our side; it was logged")


def error_answer(error: RequestError) -> ErrorAnswer:
    """The body of an error."""
    details = [DetailAnswer(problem.path, problem.message) for problem in error.details]
    return ErrorAnswer(ErrorBody(error.code, error.message, details))


def error_headers(error: RequestError) -> HeaderList:
    """What is sent with an error of this status."""
    return _HEADERS.get(error.status, ())
