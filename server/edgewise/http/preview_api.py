"""`POST /v1/previews`: make a preview token."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from edgewise.decisions.preview_token import Seconds, issue_debug_token, issue_preview_token
from edgewise.errors import Problem, RequestError
from edgewise.http.auth import Authenticator
from edgewise.http.decoding import BodyDecoder
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.requests import PreviewBody
from edgewise.http.responses import PreviewResponse
from edgewise.ids.decision import DecisionIds
from edgewise.serving.served_site import ServedSite

MAX_BODY_BYTES = 65536

_decoder = BodyDecoder(PreviewBody)


class PreviewEndpoint(Endpoint):
    """Signs tokens for actions that exist now."""

    def __init__(self, auth: Authenticator, ids: DecisionIds) -> None:
        super().__init__(auth)
        self._ids = ids

    async def handle(self, request: HttpRequest) -> None:
        self.auth.require_secret_key(request.headers)
        body = _decoder.decode(*await request.body(MAX_BODY_BYTES))
        site = self.auth.authenticate(request.headers, body.write_key).site
        expires = int(time.time()) + body.valid_seconds
        token = self._token(site, body, expires)
        await request.respond(PreviewResponse(token, datetime.fromtimestamp(expires, UTC).isoformat()))

    def _token(self, site: ServedSite, body: PreviewBody, expires: Seconds) -> str:
        if body.debug:
            for path, value in (("placement", body.placement), ("action", body.action)):
                if value is not None:
                    message = f"Expected no {path} with debug, found {value!r}. A debug token is for the whole site."
                    raise RequestError.invalid(Problem(path, message))
            return issue_debug_token(self._ids, site.name, expires)
        if body.placement is None:
            raise _missing("placement")
        if body.action is None:
            raise _missing("action")
        placement = site.placements.get(body.placement)
        if placement is None:
            raise _unknown("placement", body.placement, f"site {site.name!r}")
        if body.action not in placement.compiled.index:
            raise _unknown("action", body.action, f"placement {body.placement!r}")
        return issue_preview_token(self._ids, placement.ref, body.action, expires)


def _missing(path: str) -> RequestError:
    return RequestError.invalid(Problem(path, f"Missing {path}. Add it, or set debug to true."))


def _unknown(path: str, value: str, owner: str) -> RequestError:
    message = f"Unknown {path} {value!r}. Use one that {owner} has."
    return RequestError.invalid(Problem(path, message), status=404, code="not_found")
