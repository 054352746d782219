"""Cross-origin resource sharing (CORS): which pages may call the API, and the headers that allow it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol, TypeAlias

from starlette.types import Receive, Scope, Send

from edgewise.errors import RequestError
from edgewise.http.responses import HeaderList
from edgewise.policies.origins import ANY_ORIGIN, normalize_origin
from edgewise.serving.served_site import ServedSite

Origin: TypeAlias = bytes
"""The value of an Origin header, such as `https://shop.example`."""

LONGEST_CACHED = 300
"""Bytes of an origin. Any origin may be allowed, and longer ones would fill the memory."""

_LOOPBACK = re.compile(rb"https?://(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?")

_VARY = (b"vary", b"Origin")
_EXPOSE_RETRY_AFTER = (b"access-control-expose-headers", b"retry-after")
_ALLOW_POST = (b"access-control-allow-methods", b"POST")

_UNKNOWN_ORIGIN: HeaderList = ((b"access-control-allow-origin", b"*"), _EXPOSE_RETRY_AFTER, _VARY)
_PREFLIGHT: HeaderList = (
    _ALLOW_POST,
    (b"access-control-allow-headers", b"authorization, content-encoding, content-type"),
    # Two hours, the longest time for which Chromium caches it.
    (b"access-control-max-age", b"7200"),
)
_PREFLIGHT_OF_UNKNOWN_ORIGIN: HeaderList = (
    _ALLOW_POST,
    # No Authorization: only servers have the secret key, and pages elsewhere must not try one.
    (b"access-control-allow-headers", b"content-encoding, content-type"),
    # No max-age: the owner may allow the origin at any moment.
)


class Sites(Protocol):
    """The sites that this worker serves, by their write keys."""

    @property
    def sites(self) -> Mapping[str, ServedSite]: ...


class Cors:
    """The CORS headers for each origin."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def headers(self, origin: Origin | None) -> HeaderList:
        """The headers that let a page read a response. Only origins that some site allows get any."""
        if origin is None or not any(allows_origin(site, origin) for site in self._sites.sites.values()):
            return ()
        return allowed_headers(origin)

    def error_headers(self, origin: Origin | None) -> HeaderList:
        """The headers that let a page of any origin read an error, because a wrong `origins` may be its cause.

        This exposes no data: an error describes the request, and clients other than browsers can read it anyway.
        """
        return self.headers(origin) or (() if origin is None else _UNKNOWN_ORIGIN)

    def preflight_headers(self, origin: Origin | None) -> HeaderList:
        """The headers of the response to a preflight request.

        Unknown origins get some too, or browsers would hide from their pages why the request fails.
        """
        if origin is None:
            return (_VARY,)
        if headers := self.headers(origin):
            return (*headers, *_PREFLIGHT)
        return (*_UNKNOWN_ORIGIN, *_PREFLIGHT_OF_UNKNOWN_ORIGIN)


class Preflight:
    """The ASGI app for `OPTIONS`: a browser asks whether a page may send a request."""

    def __init__(self, cors: Cors) -> None:
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self._cors.preflight_headers(dict(scope["headers"]).get(b"origin"))
        await send({"type": "http.response.start", "status": 204, "headers": list(headers)})
        await send({"type": "http.response.body"})


def allows_origin(site: ServedSite, origin: Origin) -> bool:
    """Whether pages of this origin may call for this site. Without `origins`, only pages on this machine may."""
    if not site.settings.origins:
        return _LOOPBACK.fullmatch(origin) is not None
    text = origin.decode("latin-1")
    return text in site.settings.origins or ANY_ORIGIN in site.settings.origins


def allowed_headers(origin: Origin) -> HeaderList:
    """The headers for a page of an allowed origin."""
    return (_cached_headers if len(origin) <= LONGEST_CACHED else _allowed_headers)(origin)


def _allowed_headers(origin: Origin) -> HeaderList:
    return (
        # Never "*": beacons always carry credentials, and browsers refuse "*" for those.
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        _EXPOSE_RETRY_AFTER,
        _VARY,
    )


_cached_headers = lru_cache(maxsize=256)(_allowed_headers)


SERVE_FILES = "Open a file through a web server, such as `python3 -m http.server`."


def web_origin(origin: Origin) -> str | None:
    """The origin as text, if it is one that `origins` in site.toml can list. Files and apps have no such origin."""
    text = origin[:300].decode("latin-1")
    return text if normalize_origin(text) == text else None


def origins_line(*origins: str) -> str:
    """The line of site.toml that allows these origins."""
    return f"origins = {json.dumps(origins)}"


def origin_error(site: ServedSite, origin: Origin) -> RequestError:
    """The error for a page of an origin that the site does not allow.

    It does not list the site's other origins, because any page can read it.
    """
    found = web_origin(origin)
    if found is None:
        text = repr(origin[:200].decode("latin-1"))
        advice = f"{SERVE_FILES} Only `{origins_line(ANY_ORIGIN)}` in site.toml allows pages without a web origin."
    elif not site.settings.origins:
        text, advice = found, f"To allow it, add `{origins_line(found)}` to site.toml, above the first table."
    else:
        text, advice = found, f"To allow it, extend the list in site.toml: `origins = [..., {json.dumps(found)}]`."
    return RequestError(403, "origin_not_allowed", f"Origin: Site {site.name!r} does not allow {text}. {advice}")
