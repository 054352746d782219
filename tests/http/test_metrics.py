from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgewise.http import metrics
from edgewise.types import PolicyRef
from tests.servers import Server

one_server = pytest.mark.asyncio(loop_scope="module")


async def measured(server: Server) -> dict[str, float]:
    answer = await server.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def decisions(placement: str, group: str) -> str:
    return f"edgewise_decisions_total{sorted({'site': 'default', 'placement': placement, 'group': group}.items())}"


@one_server
async def test_decisions_are_counted_by_placement_and_group(server: Server) -> None:
    before = await measured(server)
    await server.post("/v1/decide", {"placements": ["hero", "hero", "row", "made-up-1", "made-up-2"]})
    after = await measured(server)
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown[decisions("hero", "policy")] == 2
    assert grown[decisions("row", "policy")] == 1
    assert grown[decisions("", "none")] == 2, "a name that anyone can make up is no label"
    assert grown["edgewise_decide_seconds_count[]"] == 1
    assert not [name for name in after if "made-up" in name]


@one_server
async def test_messages_are_counted_as_accepted_or_refused(server: Server) -> None:
    before = await measured(server)
    await server.post("/v1/batch", {"batch": [{"type": "page", "anonymousId": "v"}, 5, 6]})
    await server.post("/v1/track", {"event": "$click"})
    after = await measured(server)
    accepted = "edgewise_messages_accepted_total[]"
    assert after[accepted] - before[accepted] == 1
    for code, count in (("invalid_message", 2), ("unknown_decision", 1)):
        name = f"edgewise_messages_rejected_total[('code', '{code}')]"
        assert after[name] - before.get(name, 0) == count


@one_server
async def test_the_delay_of_learning_is_measured_in_seconds(server: Server) -> None:
    metrics.model_loaded(PolicyRef("default", "hero"), 1250)
    name = "edgewise_learning_delay_seconds_sum[('placement', 'hero'), ('site', 'default')]"
    assert (await measured(server))[name] == 1.25


def test_several_processes_are_added_up(tmp_path: Path) -> None:
    script = """
from edgewise.http import metrics
from edgewise.types import PolicyRef
metrics.model_loaded(PolicyRef("shop", "hero"), 500)
metrics.recorded(3, [])
"""
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], env=environ, check=True)
    report = """
import asyncio
from edgewise.http.auth import Gate
from edgewise.http.metrics import Metrics
from edgewise.serving.follower import Follower

async def show():
    async def send(message):
        print(message.get("body", b"").decode())
    follower = Follower(None)
    scope = {"type": "http", "headers": []}
    await Metrics(Gate(follower, "secret"), follower)(scope, None, send)

asyncio.run(show())
"""
    done = subprocess.run([sys.executable, "-c", report], env=environ, check=True, capture_output=True, text=True)
    assert "edgewise_messages_accepted_total 6.0" in done.stdout
    assert re.search(r'edgewise_learning_delay_seconds_count\{placement="hero",site="shop"\} 2\.0', done.stdout)
