"""`GET /edgewise.js`, its further files, and `GET /sdk/<version>/…`: the browser SDK, as it lies in the package.

Under the plain path a page always gets what this release has. What stands under its version never changes, so that a
page may name the hash that it expects (subresource integrity).
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import NamedTuple

import zopfli.gzip
from starlette.routing import Route

from edgewise import __version__
from edgewise.errors import RequestError
from edgewise.http.auth import Gate
from edgewise.http.content import Headers
from edgewise.http.endpoint import Call, Door
from edgewise.http.query import named_text
from edgewise.http.responses import HeaderList

SDK = resources.files("edgewise") / "sdk"
"""Where the build of `sdk-js/` puts its files."""

_TYPES: Mapping[str, bytes] = {".js": b"text/javascript; charset=utf-8", ".map": b"application/json"}

_DEBUGGER = "edgewise-debug.js"

_SHORT = b"public, max-age=300, stale-while-revalidate=86400"
_FOR_GOOD = b"public, max-age=31536000, immutable"

_EVERY_SITE: HeaderList = (
    # Any page may embed it, with `crossorigin` and `integrity` too, under COEP, and see how long it took.
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Accept-Encoding"),
)


def sdk_routes(gate: Gate, check: Callable[[str], object], folder: Traversable = SDK) -> list[Route]:
    """What the script tag of a page leads to. The files are read now, once.

    `check` is given the token of who wants the debugger, and raises if this service has not signed it.
    """
    sdk = Sdk(gate, read_files(folder), check)
    return [Route(path, sdk, methods=["GET"]) for path in ("/edgewise.js", "/edgewise{part}", "/sdk/{version}/{file}")]


class Variant(NamedTuple):
    """The bytes of a file in one encoding. Their tag names the bytes, not what they decode to."""

    body: bytes
    etag: bytes
    headers: HeaderList


class SdkFile(NamedTuple):
    """A file of the SDK, as it is and compressed."""

    plain: Variant
    zipped: Variant

    def variant(self, headers: Headers) -> Variant:
        """The one that a request accepts."""
        return self.zipped if _accepts_gzip(headers) else self.plain


def read_files(folder: Traversable) -> Mapping[str, SdkFile]:
    """The SDK's files by their names; none where it was not built."""
    files = {file.name: file for file in folder.iterdir()} if folder.is_dir() else {}
    types = {name: _TYPES.get(PurePath(name).suffix) for name in sorted(files)}
    maps = {name: ((b"sourcemap", f"{name}.map".encode()),) if f"{name}.map" in files else () for name in files}
    return {name: _file(files[name].read_bytes(), type, maps[name]) for name, type in types.items() if type}


class Sdk(Door):
    """Answers with a file of the SDK: under its version for good, else for some minutes.

    The debugger is no secret, but it is for the site's own people: a link that anybody makes up opens it for nobody.
    """

    def __init__(self, gate: Gate, files: Mapping[str, SdkFile], check: Callable[[str], object]) -> None:
        super().__init__(gate)
        self._files = files
        self._check = check

    async def open(self, call: Call) -> None:
        name, lasting = self._find(**call.scope["path_params"])
        if name == _DEBUGGER:
            self._check(named_text(call.scope["query_string"], "preview"))
        file = self._files[name]
        variant = file.variant(call.headers)
        fresh = _holds(call.headers.get(b"if-none-match", b""), variant.etag)
        caching = (b"etag", variant.etag), (b"cache-control", _FOR_GOOD if lasting else _SHORT)
        await call.send(
            {
                "type": "http.response.start",
                "status": 304 if fresh else 200,
                "headers": [*(() if fresh else variant.headers), *caching, *_EVERY_SITE],
            }
        )
        await call.send({"type": "http.response.body", "body": b"" if fresh else variant.body})

    def _find(self, file: str = "edgewise.js", part: str = "", version: str = "") -> tuple[str, bool]:
        """The name of the file that a path leads to, and whether it names the version.

        Raises:
            RequestError: 404, there is no such file, or it is not of this version.
        """
        name = f"edgewise{part}" if part else file
        if version not in ("", __version__):
            raise _not_found(f"found {version[:40]!r}, expected {__version__}, which this server has")
        if name not in self._files:
            there = ", ".join(self._files) or "none: the SDK was not built (`make sdk`)"
            raise _not_found(f"found {name[:80]!r}, expected one of the SDK's files ({there})")
        return name, bool(version)


def _file(body: bytes, type: bytes, map: HeaderList) -> SdkFile:
    """`map` leads to the file's source map: a comment in the file would cost every visitor some bytes."""
    # Ten milliseconds each, for one and a half percent less than what zlib makes of it; the same on every worker.
    zipped = zopfli.gzip.compress(body) if type == _TYPES[".js"] else gzip.compress(body, 9, mtime=0)
    return SdkFile(_variant(body, type, *map), _variant(zipped, type, *map, (b"content-encoding", b"gzip")))


def _variant(body: bytes, type: bytes, *encoding: tuple[bytes, bytes]) -> Variant:
    length = b"%d" % len(body)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
    return Variant(body, etag, ((b"content-type", type), (b"content-length", length), *encoding))


def _accepts_gzip(headers: Headers) -> bool:
    for accepted in headers.get(b"accept-encoding", b"").lower().split(b","):
        coding, _, weight = accepted.replace(b" ", b"").partition(b";q=")
        if coding in (b"gzip", b"*"):
            return not weight or weight.strip(b"0.") != b""
    return False


def _holds(if_none_match: bytes, etag: bytes) -> bool:
    """Whether what the caller has is this; a proxy may have made the tag a weak one."""
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or tags == [b"*"]


def _not_found(message: str) -> RequestError:
    return RequestError(404, "not_found", f"path: {message}")
