"""The demo's server: a real `edgewise serve` as a child process, with its own folder."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Never

import httpx

from edgewise.child import Child
from edgewise.errors import DemoFailed
from edgewise.settings import PREFIX, Settings
from edgewise.types import Milliseconds

HOST = "127.0.0.1"

START_WITHIN = 60.0
"""Seconds."""

DECIDE_BUDGET: Milliseconds = 500
"""More than the default, because the simulated visitors and the browser share the machine with the server."""

_STOP_WITHIN = 20.0
_LOG_TAIL_LINES = 12


class DemoServer(NamedTuple):
    """A server that is ready for requests."""

    url: str
    data: Path
    log: Path
    process: Child
    identity_secret: str

    @property
    def secret_key_file(self) -> Path:
        return self.data / "secret-key"

    async def fail_when_ended(self) -> Never:
        """Wait for the end of the process, which only a failure brings.

        Raises:
            DemoFailed: The process has ended.
        """
        end = _describe_end(await self.process.wait())
        raise DemoFailed(f"The server {end}. The last lines of its log:\n{_log_tail(self.log)}")


@asynccontextmanager
async def run_server(policies: Path, folder: Path, port: int) -> AsyncIterator[DemoServer]:
    """Serve these policies until the block ends. Use a free port if `port` is in use.

    `folder` gets the server's data and its log.

    Raises:
        DemoFailed: The server did not become ready. The message has the last lines of its log.
    """
    port = _free_port(port)
    secret = secrets.token_hex(32)
    settings = Settings(
        host=HOST,
        port=port,
        policies=policies,
        data=folder / "data",
        decide_budget=DECIDE_BUDGET,
        # All simulated visitors come from one address.
        decides_per_source=0,
        messages_per_source=0,
        visitors_per_source=0,
        identity_secret=secret,
    )
    # Settings of another server, such as its store, must not apply here.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | settings.environ()
    log = folder / "server.log"
    with log.open("wb") as stream:
        process = Child(
            "server",
            [sys.executable, "-m", "edgewise", "serve"],
            environ=environ,
            death_signal=signal.SIGTERM,
            stop_within=_STOP_WITHIN,
            stdout=stream.fileno(),
            stderr=stream.fileno(),
        )
        await process.start()
        try:
            server = DemoServer(f"http://{HOST}:{port}", settings.data, log, process, secret)
            await _until_ready(server)
            yield server
        finally:
            await process.stop()


async def _until_ready(server: DemoServer) -> None:
    ended = asyncio.create_task(server.fail_when_ended())
    ready = asyncio.create_task(_wait_until_ready(f"{server.url}/readyz"))
    try:
        await asyncio.wait((ended, ready), timeout=START_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await ended
        if not ready.done():
            tail = _log_tail(server.log)
            raise DemoFailed(
                f"The server was not ready within {START_WITHIN:.0f} s. The last lines of its log:\n{tail}"
            )
    finally:
        ended.cancel()
        ready.cancel()


async def _wait_until_ready(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):  # The server does not listen yet.
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.05)


def _free_port(wanted: int) -> int:
    """The wanted port, or another one if it is in use."""
    for port in (wanted, 0):
        try:
            with socket.create_server((HOST, port)) as listener:
                free: int = listener.getsockname()[1]
                return free
        except OSError:
            continue
    raise DemoFailed(f"Missing a free port on {HOST}. Stop a process that uses one.")


def _describe_end(status: int) -> str:
    return f"ended with status {status}" if status >= 0 else f"was ended by signal {-status}"


def _log_tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_LOG_TAIL_LINES:]) or "  (empty)"
