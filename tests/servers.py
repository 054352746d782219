"""A real server for tests: `async with serve(store_url, POLICIES) as server`, then `await server.post(...)`."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from edgewise.app import create_app
from edgewise.http.connections import Connections
from edgewise.http.protocol import HttpProtocol
from edgewise.ids.user_proof import hash_user_id
from edgewise.processes.publisher import Publisher
from edgewise.settings import Settings
from edgewise.store import Store
from tests.http.error_shape import assert_error_shape

SECRET = "a secret key"
BEARER = {"authorization": f"Bearer {SECRET}"}
IDENTITY_SECRET = "an-identity-secret"

HERO = """
placement = "hero"
baseline = "plain"
control = { share = 0.0 }
reward = { window = "1s", impression_within = "10s", events = { "$click" = 0.2, "Order Completed" = 1.0 } }

[[actions]]
id = "plain"
payload = { headline = "Welcome" }

[[actions]]
id = "deal"
features = { discount = 10 }
payload = { headline = "Save 10%" }
"""

ROW = """
placement = "row"
slots = 2
baseline = ["sku-1", "sku-2"]
control = { share = 0.0 }
reward = { events = { "Product Viewed" = 1.0 } }

[[actions]]
id = "sku-1"

[[actions]]
id = "sku-2"

[[actions]]
id = "sku-3"
"""

SHOP = {"hero.toml": HERO, "row.toml": ROW}
"""The files of a site without `site.toml`. Its name and its write key are `default`."""


NO_LIMITS = {"decides_per_source": 0, "messages_per_source": 0, "visitors_per_source": 0}
"""All requests of a test come from one address."""


class Server:
    """A server on a port of 127.0.0.1, with a client."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient, port: int) -> None:
        self.app = app
        self.client = client
        self.port = port

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post a JSON body. Its default `writeKey` is that of the default site."""
        return await self.client.post(path, json={"writeKey": "default"} | body, headers=_dashed(headers))

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=_dashed(headers))


def user(id: str) -> dict[str, str]:
    """A user id with its proof, as a page sends them."""
    return {"userId": id, "userHash": hash_user_id(id, IDENTITY_SECRET)}


@asynccontextmanager
async def serve(
    store_url: str, files: Mapping[str, str] = SHOP, *, publish: bool = True, **settings: Any
) -> AsyncIterator[Server]:
    """Publish these policy files as the supervisor does, and serve them on a free port. Their paths are the keys."""
    with tempfile.TemporaryDirectory() as folder:
        policies = Path(folder)
        _write(policies, files)
        if publish:
            await _publish(store_url, policies, settings.get("key_prefix", ""))
        # Tests must not depend on the load of the machine, unless they test the budget.
        chosen: dict[str, Any] = {"policies": policies, "decide_budget": 5000, "identity_secret": IDENTITY_SECRET}
        chosen |= NO_LIMITS | settings
        app = create_app(Settings(redis=store_url, secret_key=SECRET, **chosen))
        async with running(app) as port, _client(port) as client:
            yield Server(app, client, port)


@asynccontextmanager
async def running(app: ASGIApp, connections: Connections | None = None) -> AsyncIterator[int]:
    """Run an app, and yield its port. Without uvicorn's main loop, which polls every 0.1 s, the shutdown is faster."""
    http = partial(
        HttpProtocol, open_connections=Connections(Settings().trusted_proxies) if connections is None else connections
    )
    config = uvicorn.Config(app, port=0, http=http, lifespan="on", ws="none", log_config=None, access_log=False)  # type: ignore[arg-type]  # A partial.
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    assert server.started, "The app did not start."
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


async def _publish(store_url: str, policies: Path, key_prefix: str) -> None:
    publisher = Publisher(policies)
    await publisher.load()
    store = await Store.connect(store_url, key_prefix=key_prefix)
    try:
        await publisher.publish(store)
    finally:
        await store.close()


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def _client(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", event_hooks={"response": [_check_error]})


async def _check_error(response: httpx.Response) -> None:
    """Every error that any test provokes must have the shape of all errors."""
    if response.is_error and response.request.method != "HEAD":
        await response.aread()
        assert_error_shape(response)


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
