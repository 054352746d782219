"""The browser SDK is served for pages, caches and integrity checks."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
from starlette.applications import Starlette

from edgewise import __version__
from edgewise.decisions.preview_token import WrongPreview
from edgewise.http.auth import Authenticator
from edgewise.http.cors import Preflight
from edgewise.http.routes import SDK_OPERATIONS, build_routes
from edgewise.http.sdk import SDK, SdkEndpoint, read_files
from edgewise.serving.served_site import ServedSite
from tests.servers import BEARER, Server, running

SCRIPT = "console.log('“hello”');\n" * 40
FILES = {
    "edgewise.js": SCRIPT,
    "edgewise.js.map": '{"version": 3}',
    "edgewise-debug.js": "debug()",
    "edgewise-tcf.js": "tcf()",
    "README.md": "no",
}
SIGNED = "c2lnbmVk"
VERSIONED = f"/sdk/{__version__}"


class NoSites:
    sites: Mapping[str, ServedSite] = MappingProxyType({})


def check_token(token: str) -> None:
    if token != SIGNED:
        raise WrongPreview("invalid_preview", "Unknown token. Make a new one.")


def sdk_app(folder: Path) -> Starlette:
    auth = Authenticator(NoSites(), "secret")
    endpoints = {"sdk": SdkEndpoint(auth, read_files(folder), check_token)}
    return Starlette(routes=build_routes(endpoints, Preflight(auth.cors), SDK_OPERATIONS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = sdk_app(folder)
    async with running(app) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


async def test_file_is_served_plain_and_compressed(client: httpx.AsyncClient) -> None:
    plain = await client.get("/edgewise.js", headers={"accept-encoding": "identity"})
    assert (plain.status_code, plain.content.decode()) == (200, SCRIPT)
    assert "content-encoding" not in plain.headers
    async with client.stream("GET", "/edgewise.js", headers={"accept-encoding": "br, gzip"}) as response:
        raw = b"".join([part async for part in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw).decode() == SCRIPT
    assert len(raw) == int(response.headers["content-length"]) < len(SCRIPT)
    assert response.headers["etag"] != plain.headers["etag"]


async def test_script_has_a_source_map_header(client: httpx.AsyncClient) -> None:
    mapped, unmapped = await client.get("/edgewise.js"), await client.get("/edgewise-tcf.js")
    assert mapped.headers["sourcemap"] == "edgewise.js.map"
    assert (await client.get("/edgewise.js.map")).status_code == 200
    assert "sourcemap" not in unmapped.headers


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [("gzip", True), ("GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), ("gzip; q=0.0", False)],
)
async def test_response_is_compressed_if_accepted(client: httpx.AsyncClient, accepted: str, zipped: bool) -> None:
    response = await client.get("/edgewise.js", headers={"accept-encoding": accepted})
    assert ("content-encoding" in response.headers) is zipped
    assert response.text == SCRIPT


async def test_any_page_may_load_and_check_the_sdk(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/edgewise.js")).headers
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["vary"] == "Accept-Encoding"


async def test_plain_path_is_cached_for_minutes(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/edgewise.js")).headers
    assert headers["cache-control"] == "public, max-age=300, stale-while-revalidate=86400"


async def test_versioned_path_is_cached_forever(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{VERSIONED}/edgewise.js")
    assert response.text == SCRIPT
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/edgewise.js", "/edgewise-tcf.js", "/edgewise.js.map", f"{VERSIONED}/edgewise.js"])
async def test_matching_etag_is_not_modified(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    assert first.status_code == 200
    for tag in (first.headers["etag"], "W/" + first.headers["etag"], f'"another", {first.headers["etag"]}', "*"):
        again = await client.get(path, headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert (await client.get(path, headers={"if-none-match": '"another"'})).status_code == 200


async def test_etag_is_the_same_on_every_worker(client: httpx.AsyncClient, folder: Path) -> None:
    app = sdk_app(folder)
    async with running(app) as port:
        other = await client.get(f"http://127.0.0.1:{port}/edgewise.js")
    assert (await client.get("/edgewise.js")).headers["etag"] == other.headers["etag"]


async def test_head_has_the_same_headers_without_a_body(client: httpx.AsyncClient) -> None:
    got, head = await client.get("/edgewise.js"), await client.head("/edgewise.js")
    assert (head.status_code, head.content) == (200, b"")
    assert {name: value for name, value in head.headers.items() if name != "date"} == {
        name: value for name, value in got.headers.items() if name != "date"
    }


async def test_source_map_is_json(client: httpx.AsyncClient) -> None:
    response = await client.get("/edgewise.js.map")
    assert (response.headers["content-type"], response.json()) == ("application/json", {"version": 3})


@pytest.mark.parametrize("folder_of", ["/", f"{VERSIONED}/"])
async def test_debugger_needs_a_signed_token(client: httpx.AsyncClient, folder_of: str) -> None:
    path = f"{folder_of}edgewise-debug.js"
    for query in ("", "?preview=", "?preview=forged", f"?preview={SIGNED}&preview=forged"):
        response = await client.get(path + query)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_preview")
        assert response.headers["cache-control"] == "no-store"
    assert (await client.get(f"{path}?preview={SIGNED}")).text == "debug()"


@pytest.mark.parametrize("path", ["/edgewise-nope.js", f"{VERSIONED}/README.md", f"{VERSIONED}/app.py"])
async def test_unknown_file_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert "Use one of edgewise-debug.js, edgewise-tcf.js, edgewise.js, edgewise.js.map." in response.text
    assert response.headers["cache-control"] == "no-store"


async def test_other_version_is_not_found(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/sdk/0.0.0/edgewise.js")
    assert (response.status_code, response.json()["error"]["message"]) == (
        404,
        f"path: Unknown version '0.0.0'. This server has {__version__}.",
    )


@pytest.mark.parametrize("folder", [Path("/nowhere/at/all")])
async def test_unbuilt_sdk_is_not_found(client: httpx.AsyncClient) -> None:
    response = await client.get("/edgewise.js")
    assert response.status_code == 404
    assert "make sdk" in response.json()["error"]["message"]


@pytest.mark.asyncio(loop_scope="module")
async def test_server_has_every_file_of_the_package(server: Server) -> None:
    names = sorted(file.name for file in SDK.iterdir())
    assert {"edgewise.js", "edgewise-stub.js", "edgewise-tcf.js", "edgewise.js.map"} < set(names)
    made = await server.post("/v1/previews", {"debug": True}, **BEARER)
    token = made.json()["preview"]
    for name in names:
        for path in (f"/{name}", f"{VERSIONED}/{name}"):
            response = await server.get(f"{path}?preview={token}")
            assert (response.status_code, response.content) == (200, (SDK / name).read_bytes())
