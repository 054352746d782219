"""Measures servers with many idle policies: the time until they serve, and the memory of all their processes.

It starts `edgewise serve` with two workers, as a site owner does. Memory is PSS, so shared pages count once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter

import httpx
from msgspec import Struct

from edgewise.child import Child
from edgewise.processes.listener import listen
from load_tests.load_client import MeasurementError
from load_tests.process_memory import proportional_bytes, with_descendants

WORKERS = 2
ACTIONS = 5

_LEARNER, _WORKER = "edgewise learn", "edgewise.processes.worker"
_TIMEOUT = 60.0  # Seconds.
_MEGABYTE = 1 << 20


class IdlePolicies(Struct, frozen=True):
    """A server with `policies` policies on `sites` sites, in seconds and megabytes.

    `learner` and `worker` are of one policy: the growth from a server with one policy to this one, for each policy.
    """

    policies: int
    sites: int
    start: float
    total: float
    learner: float
    worker: float


async def measure(folder: Path, sites: int, policies: int) -> IdlePolicies:
    """Measure a server with so many sites, each with an equal share of the policies.

    Raises:
        MeasurementError: the server does not serve in a minute.
    """
    _, alone = await _run(folder / "one", 1, 1)
    start, many = await _run(folder / "many", sites, policies // sites)
    grown = {part: (many[part] - alone[part]) / (sites * (policies // sites) - 1) for part in (_LEARNER, _WORKER)}
    total = sum(many.values()) / _MEGABYTE
    return IdlePolicies(
        policies, sites, start, total, grown[_LEARNER] / _MEGABYTE, grown[_WORKER] / WORKERS / _MEGABYTE
    )


async def _run(folder: Path, sites: int, policies: int) -> tuple[float, dict[str, int]]:
    """The seconds until a new server is ready, and then the bytes of its processes, by part."""
    for site in range(sites):
        _write_site(folder / "policies" / f"site-{site}", f"site-{site}", policies)
    began = perf_counter()
    async with _serve(folder) as (pid, url):
        await _wait_until_ready(url, f"site-{sites - 1}-key")
        seconds = perf_counter() - began
        await _wait_until_learning(folder / "log", sites * policies)
        memory = _memory_by_part(pid)
    return seconds, memory


@asynccontextmanager
async def _serve(folder: Path) -> AsyncIterator[tuple[int, str]]:
    with listen("127.0.0.1", 0) as listener:
        port = listener.port
    settings = {"policies": folder / "policies", "data": folder / "data", "port": port, "workers": WORKERS}
    environ = {**os.environ, **{f"EDGEWISE_{name.upper()}": str(value) for name, value in settings.items()}}
    with (folder / "log").open("wb") as log:
        child = Child(
            "server", [sys.executable, "-m", "edgewise", "serve"], environ=environ, stderr=log.fileno(), stop_within=30
        )
        await child.start()
        try:
            yield child.pid, f"http://127.0.0.1:{port}"
        finally:
            await child.stop()


async def _wait_until_ready(url: str, write_key: str) -> None:
    """Wait until a visitor of the last site gets a decision."""
    body = {"writeKey": write_key, "anonymousId": "a" * 32, "placements": ["placement-0"]}
    async with asyncio.timeout(_TIMEOUT), httpx.AsyncClient(base_url=url, timeout=_TIMEOUT) as client:
        while True:
            with suppress(httpx.TransportError):
                response = await client.post("/v1/decide", json=body)
                if response.status_code == 200 and response.json()["decisions"][0]["group"] != "fallback":
                    return
            await asyncio.sleep(0.02)


async def _wait_until_learning(log: Path, policies: int) -> None:
    """Wait until the learner has taken over every policy."""
    async with asyncio.timeout(_TIMEOUT):
        while True:
            if _read(log).count("Learning from log position") >= policies:
                return
            await asyncio.sleep(0.05)


def _read(file: Path) -> str:
    return file.read_text()


def _memory_by_part(pid: int) -> dict[str, int]:
    parts = {_LEARNER: 0, _WORKER: 0, "others": 0}
    for process in with_descendants(pid):
        command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        part = next((part for part in (_LEARNER, _WORKER) if part in command), "others")
        parts[part] += proportional_bytes(process)
    if not parts[_LEARNER] or not parts[_WORKER]:
        raise MeasurementError("Expected a learner and web workers among the processes of the server.")
    return parts


def _write_site(folder: Path, name: str, policies: int) -> None:
    folder.mkdir(parents=True)
    (folder / "site.toml").write_text(f'name = "{name}"\nwrite_key = "{name}-key"\norigins = ["*"]\n')
    for number in range(policies):
        (folder / f"placement-{number}.toml").write_text(_policy(number))


def _policy(number: int) -> str:
    head = f'placement = "placement-{number}"\nbaseline = "action-0"\n'
    return head + "".join(
        f'[[actions]]\nid = "action-{action}"\nfeatures = {{ discount = {action} }}\n'
        f'payload = {{ headline = "Headline {action}", href = "/sale/{action}" }}\n'
        'when = { "device.type" = { "$in" = ["mobile", "desktop", "tablet"] } }\n'
        * (action > 1)
        or f'[[actions]]\nid = "action-{action}"\npayload = {{ headline = "Headline {action}" }}\n'
        for action in range(ACTIONS)
    )
