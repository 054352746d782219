"""A failover by hand: the Sentinel gets another master, and the old one becomes a replica."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewise.errors import StoreUnavailable
from edgewise.store import Store
from edgewise.types import PolicyRef
from tests.valkey import Valkey, free_port


class Watched:
    """Two servers, and a Sentinel that knows the master of the service `shop`."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port(), free_port()]
        self.servers = [Valkey("--bind", "127.0.0.1", "--port", str(port)) for port in self.ports]
        configuration = folder / "sentinel.conf"
        configuration.write_text(f"sentinel monitor shop 127.0.0.1 {self.ports[0]} 1\n")
        port = free_port()
        self.sentinel = Valkey("--bind", "127.0.0.1", "--port", str(port), sentinel=configuration)
        self.url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/shop/0"

    def fail_over(self) -> None:
        self.servers[0].execute(f"REPLICAOF 127.0.0.1 {self.ports[1]}")
        self.sentinel.execute("SENTINEL REMOVE shop")
        self.sentinel.execute(f"SENTINEL MONITOR shop 127.0.0.1 {self.ports[1]} 1")

    def close(self) -> None:
        for server in (*self.servers, self.sentinel):
            server.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="ew-") as folder:
        watched = Watched(Path(folder))
        yield watched
        watched.close()


async def test_after_a_fail_over_client_and_lane_find_the_new_master(watched: Watched, ref: PolicyRef) -> None:
    store = await Store.connect(watched.url)
    deadline = asyncio.get_running_loop().time() + 30
    await store.pipeline.submit(store.log.append_command(ref, b"before"), deadline)
    await store.log.append(ref, b"before")
    watched.fail_over()
    with pytest.raises(StoreUnavailable, match="READONLY"):
        await store.pipeline.submit(store.log.append_command(ref, b"refused"), deadline)
    with pytest.raises(StoreUnavailable):
        await store.log.append(ref, b"refused")
    await store.pipeline.submit(store.log.append_command(ref, b"after"), deadline)
    await store.log.append(ref, b"after")
    assert b"role:master" in await store.pipeline.submit(("INFO", "replication"), deadline)
    assert await store.log.length(ref) == 2
    await store.close()
