from __future__ import annotations

from collections.abc import Awaitable

import pytest

from edgewise.http import health
from tests.eventually import eventually
from tests.servers import Server, serve
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_server_is_alive_and_ready(server: Server) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        response = await server.get(path)
        assert (response.status_code, response.json()) == (200, {"status": status})
        assert (await server.client.head(path)).status_code == 200


async def test_server_is_not_ready_before_policies_are_published(store_url: str) -> None:
    async with serve(store_url, publish=False) as server:
        assert (await server.get("/healthz")).status_code == 200
        response = await server.get("/readyz")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_ready")


async def test_server_is_ready_again_once_the_store_is(
    store_url: str, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_INTERVAL", 0.01)
    async with serve(store_url) as server:

        async def is_ready() -> bool:
            return (await server.get("/readyz")).status_code == 200

        assert await is_ready()
        valkey.execute("CONFIG SET maxmemory 1")
        try:
            await eventually(lambda: negated(is_ready()))
        finally:
            valkey.execute("CONFIG SET maxmemory 0")
        await eventually(is_ready)


async def test_repeated_probes_write_to_the_store_once(
    store_url: str, monkeypatch: pytest.MonkeyPatch, valkey: Valkey
) -> None:
    monkeypatch.setattr(health, "CHECK_INTERVAL", 60)
    async with serve(store_url) as server:
        assert (await server.get("/readyz")).status_code == 200
        valkey.execute("CONFIG SET maxmemory 1")
        try:
            assert (await server.get("/readyz")).status_code == 200, "the last result counts"
        finally:
            valkey.execute("CONFIG SET maxmemory 0")


async def negated(condition: Awaitable[bool]) -> bool:
    return not await condition


async def test_server_is_not_ready_without_a_store(store_url: str, valkey: Valkey) -> None:
    async with serve(store_url) as server:
        valkey.kill()
        try:
            alive, ready = await server.get("/healthz"), await server.get("/readyz")
        finally:
            valkey.restart()
        assert (alive.status_code, ready.status_code) == (200, 503)


@pytest.mark.parametrize(
    ("parameter", "value", "reason"),
    [("maxmemory", "1", "The store is full."), ("min-replicas-to-write", "3", "The store has too few replicas.")],
)
async def test_server_is_not_ready_while_the_store_refuses_writes(
    store_url: str, valkey: Valkey, parameter: str, value: str, reason: str
) -> None:
    async with serve(store_url) as server:
        valkey.execute(f"CONFIG SET {parameter} {value}")
        try:
            response = await server.get("/readyz")
        finally:
            valkey.execute(f"CONFIG SET {parameter} 0")
    assert response.status_code == 503
    assert response.json()["error"]["message"].startswith(reason)
