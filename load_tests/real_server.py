"""A server as a site owner starts it: `edgewise serve` on a folder, with its embedded store."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from edgewise.child import Child
from edgewise.processes.listener import listen
from load_tests.load_client import MeasurementError
from load_tests.process_memory import proportional_bytes, with_descendants

LEARNER, WORKER, STORE = "edgewise learn", "edgewise.processes.worker", "valkey-server"
"""The parts of a server, by a part of their command lines."""

_TIMEOUT = 60.0  # Seconds.


@asynccontextmanager
async def serve(folder: Path, workers: int) -> AsyncIterator[tuple[int, str]]:
    """Run a server on `policies` and `data` in this folder. Its log is in `log`. Yield its process and its address."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.port
    settings = {"policies": folder / "policies", "data": folder / "data", "port": port, "workers": workers}
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


async def wait_until_ready(url: str, write_key: str) -> None:
    """Wait until a visitor of the last site gets a decision."""
    body = {"writeKey": write_key, "anonymousId": "a" * 32, "placements": ["placement-0"]}
    async with asyncio.timeout(_TIMEOUT), httpx.AsyncClient(base_url=url, timeout=_TIMEOUT) as client:
        while True:
            with suppress(httpx.TransportError):
                response = await client.post("/v1/decide", json=body)
                if response.status_code == 200 and response.json()["decisions"][0]["group"] != "fallback":
                    return
            await asyncio.sleep(0.02)


def memory_by_part(pid: int) -> dict[str, int]:
    """The bytes of a server's processes."""
    parts = {LEARNER: 0, WORKER: 0, STORE: 0, "others": 0}
    for process in with_descendants(pid):
        command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        part = next((part for part in (LEARNER, WORKER, STORE) if part in command), "others")
        parts[part] += proportional_bytes(process)
    if not parts[LEARNER] or not parts[WORKER]:
        raise MeasurementError("Expected a learner and web workers among the processes of the server.")
    return parts
