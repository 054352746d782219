"""`/v1/profiles/{id}`: the customer file, for servers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

import msgspec

from edgewise.errors import Problem, RequestError
from edgewise.http.auth import Gate
from edgewise.http.endpoint import Call, Door
from edgewise.http.query import named_site, named_switch
from edgewise.http.requests import ProfileBody, Reader
from edgewise.http.responses import ErasureAnswer, ProfileAnswer
from edgewise.privacy.access import Customers, digests_of
from edgewise.privacy.readable import describe_record
from edgewise.serving.follower import Follower
from edgewise.serving.served import ServedSite
from edgewise.types import Milliseconds
from edgewise.visitors.message import Id
from edgewise.visitors.trait_checks import problems_of
from edgewise.webhooks.triggers import Named


class Profiles(Door):
    """What is held of one visitor. The id may be an anonymous one or a user's; both are tried.

    `?site=` names the site; it may be left out when there is only one. `erase_within` is how soon an erasure is done.
    """

    def __init__(
        self, gate: Gate, customers: Customers, follower: Follower, erase_within: Milliseconds, limit: int
    ) -> None:
        super().__init__(gate)
        self._limit = limit
        self._customers = customers
        self._follower = follower
        self._erase_within = erase_within

    async def open(self, call: Call) -> None:
        self.gate.require_secret_key(call.headers)
        site = named_site(self._follower, call.scope["query_string"])
        id = _id(call.scope["path_params"]["id"], call.scope["raw_path"])
        match call.scope["method"]:
            case "DELETE":
                await self._erase(call, site, id)
            case "PUT":
                await self._tell(call, site, id)
            case _:
                await self._report(call, site, id)

    async def _report(self, call: Call, site: ServedSite, id: str) -> None:
        records = await self._customers.records(site.name, id)
        if not records:
            raise RequestError(404, "not_found", f"id: found none of which anything is held in site {site.name!r}")
        await call.answer(ProfileAnswer(id, [describe_record(visitor, stored) for visitor, stored in records.items()]))

    async def _tell(self, call: Call, site: ServedSite, id: str) -> None:
        """Traits go to the visitor that the id leads to; a new one is a user, unless `?anonymous=true`."""
        body = _body.read(*await call.body(self._limit))
        if problems := problems_of(body.traits):
            said = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
            raise RequestError(400, "invalid_request", said, problems)
        user, anonymous = digests_of(id)
        records = await self._customers.records(site.name, id)
        is_anonymous = named_switch(call.scope["query_string"], "anonymous")
        is_anonymous |= user not in records and anonymous in records
        who = Named(anonymous_id=id) if is_anonymous else Named(user_id=id)
        await self._customers.tell(site.name, who, body.traits, site.triggers)
        await self._report(call, site, id)

    async def _erase(self, call: Call, site: ServedSite, id: str) -> None:
        now = named_switch(call.scope["query_string"], "now")
        within = 0 if now else self._erase_within
        # Half of the time to wait for others, half to fold what is left.
        await self._customers.erase(site.name, id, within // 2)
        due = None if now else datetime.fromtimestamp(time.time() + within // 1000, UTC).isoformat(timespec="seconds")
        await call.answer(ErasureAnswer("accepted", due), status=202)


_body = Reader(ProfileBody)


def _id(text: str, raw_path: bytes) -> str:
    try:
        unquote_to_bytes(raw_path).decode()  # Else different ids would be one: what is no UTF-8 was replaced.
        id = msgspec.convert(text, Id)
        if id:
            return id
        message = "found none, expected an id"
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        message = f"found one that is none: {error}"
    raise RequestError(400, "invalid_request", f"id: {message}", [Problem("id", message)])
