"""The demo's server: a real `edgewise serve` as a child process, on a folder of its own."""

from __future__ import annotations

import asyncio
import os
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
"""Seconds that it has until it is ready."""

DECIDE_BUDGET: Milliseconds = 500
"""More than by default, as its visitors and the browser of whoever looks share the machine with it."""

_STOP_WITHIN = 20.0
_LAST_WORDS = 12


class Service(NamedTuple):
    """A server that is ready."""

    url: str
    data: Path
    log: Path
    process: Child

    @property
    def secret_key_file(self) -> Path:
        return self.data / "secret-key"

    async def ends(self) -> Never:
        """Wait until it ends, which it should not.

        Raises:
            DemoFailed: it has ended.
        """
        raise DemoFailed(f"the server {_how(await self.process.wait())}; it said last:\n{_last_words(self.log)}")


@asynccontextmanager
async def serving(policies: Path, folder: Path, port: int) -> AsyncIterator[Service]:
    """Serve these policies until the block ends, on this port or, if it is taken, on a free one.

    What it keeps and logs goes to `folder`.

    Raises:
        DemoFailed: it did not become ready; says what it said last.
    """
    port = _free_port(port)
    settings = Settings(host=HOST, port=port, policies=policies, data=folder / "data", decide_budget=DECIDE_BUDGET)
    # What is set for another server, such as its store, is not for this one.
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
            service = Service(f"http://{HOST}:{port}", settings.data, log, process)
            await _ready(service)
            yield service
        finally:
            await process.stop()


async def _ready(service: Service) -> None:
    ended = asyncio.create_task(service.ends())
    ready = asyncio.create_task(_answers(f"{service.url}/readyz"))
    try:
        await asyncio.wait((ended, ready), timeout=START_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await ended
        if not ready.done():
            said = _last_words(service.log)
            raise DemoFailed(f"the server was not ready within {START_WITHIN:.0f} seconds; it said last:\n{said}")
    finally:
        ended.cancel()
        ready.cancel()


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):  # It does not listen yet.
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.05)


def _free_port(wanted: int) -> int:
    """The wanted port if it is free, else any that is."""
    for port in (wanted, 0):
        try:
            with socket.create_server((HOST, port)) as listener:
                free: int = listener.getsockname()[1]
                return free
        except OSError:
            continue
    raise DemoFailed(f"found no free port of {HOST}, expected one")


def _how(status: int) -> str:
    return f"ended with status {status}" if status >= 0 else f"was ended by signal {-status}"


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_LAST_WORDS:]) or "  (nothing)"
