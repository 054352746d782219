"""Who may call: publishable write keys from browsers, the secret key from servers, and from which origins."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from edgewise.errors import RequestError
from edgewise.http.content import Headers
from edgewise.http.origin_log import Refusals
from edgewise.http.responses import HeaderList
from edgewise.policies.origins import ANY_ORIGIN
from edgewise.serving.served import ServedSite

_LOOPBACK = re.compile(rb"https?://(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?")


class Sites(Protocol):
    """The sites as they are served now, by their write keys."""

    @property
    def sites(self) -> Mapping[str, ServedSite]: ...


class Caller(NamedTuple):
    """Who calls: for which site, whether from a browser (or a server that stands in for one), and what to answer with.

    `cors` are the headers without which a browser hides the answer from the page.
    """

    site: ServedSite
    trusted: bool
    cors: HeaderList

    @property
    def watched(self) -> bool:
        """Whether the caller may turn out to be a robot."""
        return not self.trusted and self.site.settings.robots == "ignore"


class Gate:
    """Lets calls in."""

    def __init__(self, sites: Sites, secret_key: str) -> None:
        self._sites = sites
        self._secret_key = secret_key.encode()
        self._refusals = Refusals()

    def admit(self, headers: Headers, write_key: str | None) -> Caller:
        """The caller of a door that is open to browsers and servers. `write_key` is the body's.

        Raises:
            RequestError: 401 without a key or with a wrong one, 403 from an origin that is not the site's.
        """
        scheme, credentials = _authorization(headers)
        origin = headers.get(b"origin")
        if scheme == b"bearer":
            self._check_secret(credentials)
            return Caller(self._site_of_server(write_key), True, self.cors(origin))
        write_key = write_key or (_user_name(credentials) if scheme == b"basic" else None)
        if not write_key:
            raise _unauthorized("found no key, expected writeKey in the body, HTTP Basic or Bearer credentials")
        site = self._sites.sites.get(write_key)
        if site is None:
            raise _unauthorized("writeKey: found one that is no site's, expected the write key of a site")
        if origin is None:
            return Caller(site, False, ())
        if not _allows(site, origin):
            self._refusals.tell(site.name, site.settings.origins, origin)
            found = _shown(origin)
            message = (
                f"Origin: found {found}, expected one of the origins of site {site.name!r} (`origins` in site.toml)"
            )
            raise RequestError(403, "origin_not_allowed", message)
        return Caller(site, False, _cors(origin))

    def require_secret_key(self, headers: Headers) -> None:
        """Let servers only in.

        Raises:
            RequestError: 401, the secret key is missing or wrong.
        """
        scheme, credentials = _authorization(headers)
        if scheme != b"bearer":
            raise _unauthorized("found no secret key, expected it as `Authorization: Bearer <secret key>`")
        self._check_secret(credentials)

    def cors(self, origin: bytes | None) -> HeaderList:
        """What lets a page of this origin read an answer, when it is an origin of some site: an error may have none."""
        if origin is None or not any(_allows(site, origin) for site in self._sites.sites.values()):
            return ()
        return _cors(origin)

    def cors_of_error(self, origin: bytes | None) -> HeaderList:
        """What lets the page read why it got nothing, wherever it is from: `origins` may be what is wrong.

        That tells a stranger nothing: an error says what is wrong with the request, never what is held of anybody, and
        whoever is no browser reads it anyway. "*" goes without credentials (the SDK sends none), so that no cookie of
        a visitor makes a difference. The request itself is judged as before: what is refused has done nothing.
        """
        return self.cors(origin) or (() if origin is None else _CORS_OF_STRANGERS)

    def _check_secret(self, key: bytes) -> None:
        if not hmac.compare_digest(key, self._secret_key):
            raise _unauthorized("Authorization: found a key that is not the secret key")

    def _site_of_server(self, write_key: str | None) -> ServedSite:
        """The site that a server speaks for: it need not say when there is only one."""
        sites = self._sites.sites
        if write_key:
            if write_key in sites:
                return sites[write_key]
            raise _unauthorized("writeKey: found one that is no site's, expected the write key of a site")
        if len(sites) == 1:
            return next(iter(sites.values()))
        message = f"writeKey: found none, expected that of one of the {len(sites)} sites"
        raise RequestError(400, "invalid_request", message)


def _authorization(headers: Headers) -> tuple[bytes, bytes]:
    value = headers.get(b"authorization")
    if value is None:
        return b"", b""
    scheme, _, credentials = value.partition(b" ")
    return scheme.lower(), credentials.strip()


def _user_name(credentials: bytes) -> str | None:
    try:
        return b64decode(credentials, validate=True).partition(b":")[0].decode()
    except ValueError:
        return None


def _allows(site: ServedSite, origin: bytes) -> bool:
    """Whether pages of this origin are the site's; without any configured, those on the same machine are."""
    if not site.settings.origins:
        return _LOOPBACK.fullmatch(origin) is not None
    text = origin.decode("latin-1")
    return text in site.settings.origins or ANY_ORIGIN in site.settings.origins


@lru_cache(maxsize=256)
def _cors(origin: bytes) -> HeaderList:
    return (
        # Never "*": a beacon always carries credentials, and then that is refused.
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        # When a page may send again what was not taken.
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"Origin"),
    )


_CORS_OF_STRANGERS: HeaderList = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after"),
    (b"vary", b"Origin"),
)


def _unauthorized(message: str) -> RequestError:
    return RequestError(401, "unauthorized", message)


def _shown(origin: bytes) -> str:
    return repr(origin[:200].decode("latin-1"))
