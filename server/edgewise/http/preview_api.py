"""`POST /v1/previews`: a token that has one action shown, or any action of a site, for servers."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from edgewise.decisions.preview_token import Seconds, debug_token, preview_token
from edgewise.errors import Problem, RequestError
from edgewise.http.auth import Gate
from edgewise.http.endpoint import Call, Door
from edgewise.http.requests import PreviewBody, Reader
from edgewise.http.responses import PreviewAnswer
from edgewise.ids.decision import DecisionIds
from edgewise.serving.served import ServedSite

_LIMIT = 65536


class Previews(Door):
    """Makes tokens for what is served now."""

    def __init__(self, gate: Gate, ids: DecisionIds) -> None:
        super().__init__(gate)
        self._ids = ids

    async def open(self, call: Call) -> None:
        self.gate.require_secret_key(call.headers)
        body = _reader.read(*await call.body(_LIMIT))
        site = self.gate.admit(call.headers, body.write_key).site
        expires = int(time.time()) + body.valid_seconds
        token = self._token(site, body, expires)
        await call.answer(PreviewAnswer(token, datetime.fromtimestamp(expires, UTC).isoformat()))

    def _token(self, site: ServedSite, body: PreviewBody, expires: Seconds) -> str:
        if body.debug:
            for where, said in (("placement", body.placement), ("action", body.action)):
                if said is not None:
                    raise _invalid(where, f"found {said!r} with debug, expected none: such a token is for all of them")
            return debug_token(self._ids, site.name, expires)
        if body.placement is None:
            raise _invalid("placement", "found none, expected one, or debug")
        if body.action is None:
            raise _invalid("action", "found none, expected one, or debug")
        placement = site.placements.get(body.placement)
        if placement is None:
            raise _not_found("placement", f"found none of this name in site {site.name!r}")
        if body.action not in placement.compiled.index:
            raise _not_found("action", f"found none of this id in placement {body.placement!r}")
        return preview_token(self._ids, placement.ref, body.action, expires)


def _invalid(where: str, message: str) -> RequestError:
    return RequestError(400, "invalid_request", f"{where}: {message}", [Problem(where, message)])


def _not_found(where: str, message: str) -> RequestError:
    return RequestError(404, "not_found", f"{where}: {message}", [Problem(where, message)])


_reader = Reader(PreviewBody)
