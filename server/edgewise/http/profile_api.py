"""`GET`, `PUT` and `DELETE /v1/profiles/{id}`: read, change and erase the data of a visitor."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

import msgspec

from edgewise.errors import Problem, RequestError
from edgewise.http.auth import Authenticator
from edgewise.http.decode_errors import problem_of
from edgewise.http.decoding import BodyDecoder
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.query import query_flag, query_site, query_text
from edgewise.http.requests import ProfileBody
from edgewise.http.responses import ErasureResponse, ProfileResponse, VisitorResponse
from edgewise.ids.visitor import VisitorIds
from edgewise.privacy.access import IdKind, VisitorData
from edgewise.privacy.readable_record import describe_record, to_plain
from edgewise.serving.follower import Follower
from edgewise.serving.served_site import ServedSite
from edgewise.types import Milliseconds
from edgewise.visitors.attributes import make_attributes
from edgewise.visitors.message import Id
from edgewise.visitors.profile import Profile
from edgewise.visitors.traits import check_traits
from edgewise.wall_clock import now_ms

MAX_BODY_BYTES = 65536

_decoder = BodyDecoder(ProfileBody, has_any=True)


class ProfileEndpoint(Endpoint):
    """Serves the data of one visitor. The id in the path may be an anonymous id or a user id.

    An erasure completes within `erase_within`.
    """

    def __init__(
        self, auth: Authenticator, visitor_data: VisitorData, follower: Follower, erase_within: Milliseconds
    ) -> None:
        super().__init__(auth)
        self._visitor_data = visitor_data
        self._follower = follower
        self._erase_within = erase_within

    async def handle(self, request: HttpRequest) -> None:
        self.auth.require_secret_key(request.headers)
        site = query_site(self._follower, request.scope["query_string"])
        id = _visitor_id(request.scope["path_params"]["id"], request.scope["raw_path"])
        match request.scope["method"]:
            case "DELETE":
                await self._erase(request, site, id)
            case "PUT":
                await self._set_traits(request, site, id)
            case _:
                await self._read(request, site, id)

    async def _read(self, request: HttpRequest, site: ServedSite, id: str) -> None:
        form = query_text(request.scope["query_string"], "form", "conditions")
        if form not in ("conditions", "stored"):
            raise RequestError.invalid(Problem("form", f"Expected conditions or stored, found {form[:20]!r}."))
        response = await (self._read_stored(site, id) if form == "stored" else self._read_attributes(site, id))
        if not response.held and not response.visitors:
            raise RequestError(404, "not_found", f"id: Unknown visitor. Site {site.name!r} stores nothing for this id.")
        await request.respond(response)

    async def _read_stored(self, site: ServedSite, id: str) -> ProfileResponse:
        records = await self._visitor_data.read_records(site.name, id)
        return ProfileResponse(id, held=[describe_record(visitor, stored) for visitor, stored in records.items()])

    async def _read_attributes(self, site: ServedSite, id: str) -> ProfileResponse:
        profiles = await self._visitor_data.read_profiles(site.name, id)
        return ProfileResponse(id, visitors=[_describe(kind, profile, site) for kind, profile in profiles.items()])

    async def _set_traits(self, request: HttpRequest, site: ServedSite, id: str) -> None:
        """Set traits of the visitor with this id. It is a user id, unless the query has `anonymous=true`.

        A browser may have taken the id as its anonymous id before. So the stored ids must not decide what the id is.
        """
        body = _decoder.decode(*await request.body(MAX_BODY_BYTES))
        if problems := check_traits(body.traits):
            raise RequestError.invalid(*problems)
        is_anonymous = query_flag(request.scope["query_string"], "anonymous")
        ids = VisitorIds(anonymous_id=id) if is_anonymous else VisitorIds(user_id=id)
        await self._visitor_data.set_traits(site.name, ids, body.traits, site.triggers)
        await self._read(request, site, id)

    async def _erase(self, request: HttpRequest, site: ServedSite, id: str) -> None:
        now = query_flag(request.scope["query_string"], "now")
        within = 0 if now else self._erase_within
        # Half of the time to collect more erasures, half for the learner to process them.
        await self._visitor_data.erase(site.name, id, within // 2)
        due = None if now else datetime.fromtimestamp(time.time() + within // 1000, UTC).isoformat(timespec="seconds")
        await request.respond(ErasureResponse("accepted", due), status=202)


def _describe(kind: IdKind, profile: Profile, site: ServedSite) -> VisitorResponse:
    """Describe what conditions see of a visitor. Sensitive traits are apart, because conditions do not see them."""
    visitor = make_attributes(profile, now_ms(), site.sensitive)
    visitor["segments"] = site.segments.of({"visitor": visitor})
    hidden = {name: value for name, (_, value) in profile.traits.items() if name in site.sensitive}
    return VisitorResponse(kind, to_plain(visitor), to_plain(hidden))


def _visitor_id(text: str, raw_path: bytes) -> str:
    try:
        # The server replaces invalid UTF-8 in a path, which would make different ids the same.
        unquote_to_bytes(raw_path).decode()
        id = msgspec.convert(text, Id)
    except UnicodeDecodeError as error:
        raise RequestError.invalid(Problem("id", "Expected UTF-8 in the path, found other bytes.")) from error
    except msgspec.ValidationError as error:
        raise RequestError.invalid(Problem("id", problem_of(error).message)) from error
    if not id:
        raise RequestError.invalid(Problem("id", "Missing id. Add it to the path, as in /v1/profiles/customer-4711."))
    return id
