"""The files of the browser SDK: `GET /edgewise.js`, `GET /edgewise-*` and `GET /sdk/<version>/<file>`.

The plain paths have the files of this release. A file never changes under its version, so a page may require its hash
(subresource integrity).
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

from edgewise import __version__
from edgewise.errors import RequestError
from edgewise.http.auth import Authenticator
from edgewise.http.content import MAX_HEADER, Headers
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.query import query_text
from edgewise.http.responses import HeaderList

SDK = resources.files("edgewise") / "sdk"
"""The output folder of the build of `sdk-js/`."""

_CONTENT_TYPES: Mapping[str, bytes] = {
    ".js": b"text/javascript; charset=utf-8",
    ".map": b"application/json",
    ".html": b"text/html; charset=utf-8",
}

_DEBUGGER = "edgewise-debug.js"

_CACHE_FIVE_MINUTES = b"public, max-age=300, stale-while-revalidate=86400"
_CACHE_FOREVER = b"public, max-age=31536000, immutable"

_COMMON_HEADERS: HeaderList = (
    # Any page may load it, also with `crossorigin`, `integrity` or COEP, and measure the load time.
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Accept-Encoding"),
)


class Variant(NamedTuple):
    """A file in one encoding. Each encoding has an ETag of its own."""

    body: bytes
    etag: bytes
    headers: HeaderList


class SdkFile(NamedTuple):
    """A file of the SDK, uncompressed and compressed."""

    plain: Variant
    gzipped: Variant

    def variant(self, headers: Headers) -> Variant:
        """The variant that a request accepts."""
        return self.gzipped if _accepts_gzip(headers) else self.plain


def read_files(folder: Traversable = SDK) -> Mapping[str, SdkFile]:
    """The files of the SDK by name. Empty if the SDK is not built."""
    files = {file.name: file for file in folder.iterdir()} if folder.is_dir() else {}
    types = {name: _CONTENT_TYPES.get(PurePath(name).suffix) for name in sorted(files)}
    maps = {name: ((b"sourcemap", f"{name}.map".encode()),) if f"{name}.map" in files else () for name in files}
    return {name: _file(files[name].read_bytes(), type, maps[name]) for name, type in types.items() if type}


class SdkEndpoint(Endpoint):
    """Responds with a file of the SDK.

    The debugger needs a preview token, so that links made by strangers do not open it. `check_token` raises if a token
    is not valid.
    """

    def __init__(self, auth: Authenticator, files: Mapping[str, SdkFile], check_token: Callable[[str], object]) -> None:
        super().__init__(auth)
        self._files = files
        self._check_token = check_token

    async def handle(self, request: HttpRequest) -> None:
        name, is_versioned = self._find(**request.scope["path_params"])
        if name == _DEBUGGER:
            self._check_token(query_text(request.scope["query_string"], "preview"))
        variant = self._files[name].variant(request.headers)
        is_cached = _matches(request.headers.get(b"if-none-match", b"")[:MAX_HEADER], variant.etag)
        caching = (b"etag", variant.etag), (b"cache-control", _CACHE_FOREVER if is_versioned else _CACHE_FIVE_MINUTES)
        await request.send(
            {
                "type": "http.response.start",
                "status": 304 if is_cached else 200,
                "headers": [*(() if is_cached else variant.headers), *caching, *_COMMON_HEADERS],
            }
        )
        await request.send({"type": "http.response.body", "body": b"" if is_cached else variant.body})

    def _find(self, file: str = "edgewise.js", part: str = "", version: str = "") -> tuple[str, bool]:
        """The name of the requested file, and whether the path has a version. The arguments are path parameters.

        Raises:
            RequestError: 404, the file or the version is unknown.
        """
        name = f"edgewise{part}" if part else file
        if version not in ("", __version__):
            raise _not_found(f"Unknown version {version[:40]!r}. This server has {__version__}.")
        if not self._files:
            raise _not_found("The SDK is not built. Run `make sdk`.")
        if name not in self._files:
            raise _not_found(f"Unknown file {name[:80]!r}. Use one of {', '.join(self._files)}.")
        return name, bool(version)


def _file(body: bytes, type: bytes, source_map: HeaderList) -> SdkFile:
    """`source_map` is a header, because a comment in the file would cost every visitor some bytes."""
    # Zopfli takes 10 ms a file, saves 1.5% compared with zlib, and has the same output on every worker.
    gzipped = zopfli.gzip.compress(body) if type == _CONTENT_TYPES[".js"] else gzip.compress(body, 9, mtime=0)
    return SdkFile(
        _variant(body, type, *source_map), _variant(gzipped, type, *source_map, (b"content-encoding", b"gzip"))
    )


def _variant(body: bytes, type: bytes, *headers: tuple[bytes, bytes]) -> Variant:
    length = b"%d" % len(body)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
    return Variant(body, etag, ((b"content-type", type), (b"content-length", length), *headers))


def _accepts_gzip(headers: Headers) -> bool:
    for accepted in headers.get(b"accept-encoding", b"")[:MAX_HEADER].lower().split(b","):
        coding, _, weight = accepted.replace(b" ", b"").partition(b";q=")
        if coding in (b"gzip", b"*"):
            return not weight or weight.strip(b"0.") != b""
    return False


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    """Compare ETags. Proxies may have made the client's ETag weak."""
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or tags == [b"*"]


def _not_found(message: str) -> RequestError:
    return RequestError(404, "not_found", f"path: {message}")
