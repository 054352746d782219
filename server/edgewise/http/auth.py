"""Authentication: write keys for browsers, the secret key for servers."""

from __future__ import annotations

import hmac
from base64 import b64decode
from typing import NamedTuple

from edgewise.errors import RequestError
from edgewise.http.content import Headers
from edgewise.http.cors import Cors, Sites, allowed_headers, allows_origin, origin_error
from edgewise.http.origin_log import OriginLog
from edgewise.http.responses import HeaderList
from edgewise.ids.user_proof import UserProof
from edgewise.serving.served_site import ServedSite


class Caller(NamedTuple):
    """The authenticated sender of a request. `cors` are the headers that let its page read the response."""

    site: ServedSite
    is_server: bool
    cors: HeaderList

    def user_proof(self) -> UserProof:
        """What decides which user ids of this request count. Where it came from proves nothing, even without Origin."""
        return UserProof(self.site.settings.identity, self.site.identity_secrets, is_server=self.is_server)

    @property
    def may_be_robot(self) -> bool:
        """Whether to check the caller for robots: servers are none, and the site may learn from robots."""
        return not self.is_server and self.site.settings.robots == "ignore"


class Authenticator:
    """Checks keys and origins."""

    def __init__(self, sites: Sites, secret_key: str) -> None:
        self.cors = Cors(sites)
        self._sites = sites
        self._secret_key = secret_key.encode()
        self._origin_log = OriginLog()

    def authenticate(self, headers: Headers, write_key: str | None) -> Caller:
        """The caller of an endpoint for browsers and servers. `write_key` is the one in the body.

        Segment's server libraries have one field for a key. With `<write key>:<secret key>` in it, they are servers.
        Another password makes no server, and is no error: some clients always send one.

        Raises:
            RequestError: 401, the key is missing or unknown, or 403, the site does not allow the page's origin.
        """
        scheme, credentials = _authorization(headers)
        origin = headers.get(b"origin")
        if scheme == b"bearer":
            self._check_secret_key(credentials)
            return Caller(self._site_of_server(write_key), True, self.cors.headers(origin))
        given = write_key or (_basic_key(credentials) if scheme == b"basic" else None) or ""
        write_key, _, secret = given.rstrip(":").partition(":")
        if secret and self._is_secret_key(secret.encode()):
            return Caller(self._site_of_server(write_key), True, self.cors.headers(origin))
        if not write_key:
            message = "Missing key. Send writeKey in the body, or HTTP Basic or Bearer credentials."
            raise RequestError(401, "unauthorized", message)
        site = self._sites.sites.get(write_key)
        if site is None:
            raise _unknown_write_key()
        if origin is None:
            return Caller(site, False, ())
        if not allows_origin(site, origin):
            self._origin_log.log_refused(site.name, site.settings.origins, origin)
            raise origin_error(site, origin)
        return Caller(site, False, allowed_headers(origin))

    def has_secret_key(self, headers: Headers) -> bool:
        """Whether the caller is a server. This needs no body.

        Raises:
            RequestError: 401, the secret key is wrong.
        """
        scheme, credentials = _authorization(headers)
        if scheme != b"bearer":
            return False
        self._check_secret_key(credentials)
        return True

    def require_secret_key(self, headers: Headers) -> None:
        """Admit servers only.

        Raises:
            RequestError: 401, the secret key is missing or wrong.
        """
        if not self.has_secret_key(headers):
            message = "Missing secret key. Send it as `Authorization: Bearer <secret key>`."
            raise RequestError(401, "unauthorized", message)

    def _check_secret_key(self, key: bytes) -> None:
        if not self._is_secret_key(key):
            message = "Wrong secret key. It is in EDGEWISE_SECRET_KEY, or in the file `secret-key` of the data folder."
            raise RequestError(401, "unauthorized", message)

    def _is_secret_key(self, key: bytes) -> bool:
        return hmac.compare_digest(key, self._secret_key)

    def _site_of_server(self, write_key: str | None) -> ServedSite:
        """The site that a server calls for. The write key is optional if there is only one site."""
        sites = self._sites.sites
        if write_key:
            if write_key in sites:
                return sites[write_key]
            raise _unknown_write_key()
        if len(sites) == 1:
            return next(iter(sites.values()))
        message = f"Missing writeKey. Send the key of one of the {len(sites)} sites."
        raise RequestError(400, "invalid_request", message)


def _authorization(headers: Headers) -> tuple[bytes, bytes]:
    value = headers.get(b"authorization")
    if value is None:
        return b"", b""
    scheme, _, credentials = value.partition(b" ")
    return scheme.lower(), credentials.strip()


def _basic_key(credentials: bytes) -> str | None:
    """The user name and the password, with a colon between them."""
    try:
        return b64decode(credentials, validate=True).decode()
    except ValueError:
        return None


def _unknown_write_key() -> RequestError:
    return RequestError(401, "unauthorized", "Unknown writeKey. Copy the key from site.toml.")
