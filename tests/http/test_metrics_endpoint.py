from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewise.http import metrics_endpoint
from tests.eventually import eventually
from tests.http.prometheus import measured
from tests.servers import SHOP, serve
from tests.valkey import Valkey


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A store that a test may kill."""
    server = Valkey()
    yield server
    server.close()


async def test_webhook_backlog_is_missing_while_the_store_does_not_answer(
    own_valkey: Valkey,
) -> None:
    webhook = 'name = "n"\nurl = "https://tool.example/"\nsecret = "$NAME"\nwhen = { "visitor.orders" = 1 }\n'
    async with serve(own_valkey.url, SHOP | {"site.toml": f"[[webhooks]]\n{webhook}"}) as server:
        waiting, overdue, dead = (
            f"edgewise_webhook_{name}[('site', 'default')]"
            for name in ("visitors_waiting", "overdue_seconds", "visitors_dead")
        )
        before = await measured(server)
        assert (before[waiting], before[overdue], before[dead]) == (0, 0, 0)
        for visitor in ("v1", "v2"):
            await server.post("/v1/track", {"event": "Order Completed", "anonymousId": visitor})

        async def is_overdue() -> bool:
            return (await measured(server))[overdue] > 0

        await eventually(is_overdue)
        after = await measured(server)
        assert (after[waiting], after[dead]) == (2, 0)
        own_valkey.kill()
        silent = await measured(server)
        assert not {waiting, overdue, dead} & silent.keys()
        assert "edgewise_messages_accepted_total[]" in silent
        own_valkey.restart()


def test_values_of_several_processes_are_added_up(tmp_path: Path) -> None:
    script = """
from edgewise.http import metrics
from edgewise.types import PolicyRef
metrics.observe_loaded_model(PolicyRef("shop", "hero"), 500)
metrics.count_messages(3, [])
"""
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], env=environ, check=True)
    report = """
import asyncio
from edgewise.http.auth import Authenticator
from edgewise.http.metrics_endpoint import MetricsEndpoint
from edgewise.serving.follower import Follower
from edgewise.store import Store

async def show():
    async def send(message):
        print(message.get("body", b"").decode())
    follower = Follower(None)
    scope = {"type": "http", "headers": []}
    store = await Store.connect("redis://127.0.0.1:9", must_answer=False)
    await MetricsEndpoint(Authenticator(follower, "secret"), follower, store)(scope, None, send)
    await store.close()

asyncio.run(show())
"""
    done = subprocess.run([sys.executable, "-c", report], env=environ, check=True, capture_output=True, text=True)
    assert "edgewise_messages_accepted_total 6.0" in done.stdout
    assert re.search(r'edgewise_learning_delay_seconds_count\{placement="hero",site="shop"\} 2\.0', done.stdout)


async def test_metrics_are_rendered_with_a_limited_rate(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_endpoint, "RENDERINGS_AT_ONCE", 3.0)
    monkeypatch.setattr(metrics_endpoint, "RENDERINGS_A_SECOND", 0.0)
    texts = []
    async with serve(store_url) as server:
        for _ in range(6):
            await server.post("/v1/decide", {"placements": ["hero"]})
            texts.append((await server.get("/metrics")).text)
    assert len(set(texts)) == 3
    assert texts[2:] == [texts[2]] * 4
