from __future__ import annotations

import pytest

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
