"""The attacked server: `edgewise serve` with its own data, and the observers of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from edgewise.child import Child
from edgewise.processes.listener import listen
from load_tests.attacker import (
    HONEST_PLACEMENT,
    IDENTITY_SECRET,
    LARGE_PLACEMENT,
    PLACEMENT,
    SECRET_KEY,
    WRITE_KEY,
    Attacker,
    get,
    post,
)

PAUSE, VISIT_PAUSE = 0.005, 0.02
"""Seconds between two calls of /healthz, and between two visits."""

ACTIONS = 1000
"""Of the large placement."""

_START, _STOP = 60.0, 20.0  # Seconds.


class Observation(NamedTuple):
    """The latencies of /healthz in seconds, the number of visits, and the errors of the visitors."""

    latencies: list[float]
    visits: int
    errors: list[str]

    @property
    def p99(self) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]


class AttackedServer:
    """A running server on loopback."""

    def __init__(self, child: Child, port: int) -> None:
        self.port = port
        self._supervisor = psutil.Process(child.pid)
        self._visitors = itertools.count()

    def memory(self) -> int:
        """The bytes of its processes, without what they share."""
        processes = [self._supervisor, *self._supervisor.children(recursive=True)]
        return sum(int(process.memory_full_info().uss) for process in processes)

    async def observe(self, stop: asyncio.Event) -> Observation:
        """Call /healthz and visit the site until `stop` is set."""
        client = Attacker(self.port, float("inf"))
        latencies: list[float] = []
        errors: list[str] = []
        visits = 0

        async def call() -> None:
            while not stop.is_set():
                started = time.perf_counter()
                try:
                    async with asyncio.timeout(10):
                        response = await client.send(get("/healthz"))
                    if response.status != 200:
                        errors.append(f"/healthz: status {response.status}")
                except (OSError, EOFError) as error:  # TimeoutError is an OSError.
                    errors.append(f"/healthz: {type(error).__name__}")
                latencies.append(time.perf_counter() - started)
                await asyncio.sleep(PAUSE)

        async def visit() -> None:
            nonlocal visits
            while not stop.is_set():
                try:
                    async with asyncio.timeout(10):
                        errors.extend(await self._visit(client))
                    visits += 1
                except (OSError, EOFError) as error:
                    errors.append(f"visit: {type(error).__name__}")
                await asyncio.sleep(VISIT_PAUSE)

        await asyncio.gather(call(), visit())
        return Observation(latencies, visits, errors)

    async def warm_up(self) -> None:
        """Let the workers load all models."""
        client = Attacker(self.port, 10)
        for _ in range(20):
            await client.send(post("/v1/decide", {"placements": [LARGE_PLACEMENT, PLACEMENT], "anonymousId": "first"}))

    async def outcomes(self) -> int:
        """The outcomes of the visitors that the learner has counted."""
        path, headers = f"/v1/policies/{HONEST_PLACEMENT}", {"authorization": f"Bearer {SECRET_KEY}"}
        return int((await Attacker(self.port, 10).send(get(path, headers))).json()["outcomes"])

    async def _visit(self, client: Attacker) -> list[str]:
        """See the placement, and report it. Return what went wrong."""
        number = next(self._visitors)
        address = {"x-forwarded-for": f"198.51.{number // 250 % 250}.{number % 250}"}
        visitor = {"anonymousId": f"visitor-{number}"}
        response = await client.send(post("/v1/decide", {"placements": [HONEST_PLACEMENT], **visitor}, address))
        if response.status != 200:
            return [f"decide: status {response.status}"]
        decision = response.json()["decisions"][0]
        if decision["decisionId"] is None:
            return [f"decide: group {decision['group']}"]
        seen = {"type": "track", "event": "$impression", "properties": {"decisionId": decision["decisionId"]}}
        response = await client.send(post("/v1/batch", {"batch": [seen | visitor]}, address))
        if response.status != 200 or response.json()["rejected"]:
            return [f"batch: status {response.status}: {response.body[:100].decode()}"]
        return []


@asynccontextmanager
async def start_server(folder: Path) -> AsyncIterator[AttackedServer]:
    """Start `edgewise serve` with its files in this folder. It stops with the block."""
    policies = folder / "policies"
    policies.mkdir()
    (policies / "site.toml").write_text(
        f'name = "shop"\nwrite_key = "{WRITE_KEY}"\norigins = ["https://shop.example"]\n'
    )
    for placement in (PLACEMENT, LARGE_PLACEMENT, HONEST_PLACEMENT):
        actions = ACTIONS if placement == LARGE_PLACEMENT else 2
        tables = "".join(f'[[actions]]\nid = "action-{number}"\n' for number in range(actions))
        (policies / f"{placement}.toml").write_text(_POLICY.replace("PLACEMENT", placement) + tables)
    with listen("127.0.0.1", 0) as free:
        port = free.port
    settings = {
        "PORT": str(port),
        "POLICIES": str(policies),
        "DATA": str(folder / "data"),
        "WORKERS": "2",
        "SECRET_KEY": SECRET_KEY,
        "IDENTITY_SECRET": IDENTITY_SECRET,
        "DECIDE_BUDGET": "1s",
    }
    environ = {**os.environ, **{f"EDGEWISE_{name}": value for name, value in settings.items()}}
    with (folder / "log").open("wb") as log:
        child = Child(
            "server",
            [sys.executable, "-m", "edgewise", "serve"],
            environ=environ,
            stderr=log.fileno(),
            stop_within=_STOP,
        )
        await child.start()
        try:
            async with asyncio.timeout(_START):
                await _wait_until_ready(port)
            yield AttackedServer(child, port)
        finally:
            await child.stop()


async def _wait_until_ready(port: int) -> None:
    while True:
        try:
            if (await Attacker(port, 1).send(get("/readyz"))).status == 200:
                return
        except (OSError, EOFError):
            pass
        await asyncio.sleep(0.1)


_POLICY = """
placement = "PLACEMENT"
baseline = "action-0"
control = { share = 0.0 }
reward = { window = "1s", impression_within = "5s", events = { "$click" = 1.0 } }
"""
