"""The real service: `edgewise serve` as a process, on a folder and port of its own, killed and started at will."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import httpx

from edgewise.store import Store
from tests.eventually import eventually
from tests.integration.processes import TIMEOUT, children_of, gone
from tests.integration.shop import open_shop
from tests.valkey import free_port

Part: TypeAlias = Literal["valkey-server", "edgewise.processes.worker", "edgewise learn"]
"""A part of the service, by what stands in its command line."""

SECRET = "the secret of the shop"


class Service:
    """One service. Its port, policies and data outlast its process. Settings are `EDGEWISE_*`, without the prefix."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.policies = folder / "policies"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(exist_ok=True)
        open_shop(self.policies)
        own = {"data": folder / "data", "policies": self.policies, "port": self.port, "secret_key": SECRET}
        chosen = {"decide_budget": "1s", "workers": "2"} | own | settings
        self._environ = {f"EDGEWISE_{name.upper()}": str(value) for name, value in chosen.items()}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def store_url(self) -> str:
        return (self.folder / "data" / "store.url").read_text()

    @property
    def log(self) -> str:
        """All that its processes have logged, since the first start."""
        return (self.folder / "log").read_text(errors="replace")

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edgewise", "serve", env={**os.environ, **self._environ}, stderr=log
            )
        await self.ready()

    async def ready(self) -> None:
        """Wait until /readyz says so."""
        async with httpx.AsyncClient(base_url=self.url) as client:

            async def is_ready() -> bool:
                assert self._running.returncode is None, f"the service ended; it said:\n{self.log[-4000:]}"
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(is_ready)

    async def stop(self) -> None:
        """End it in order; nothing of it is left."""
        children = self.children()
        self._running.terminate()
        async with asyncio.timeout(TIMEOUT):
            assert await self._running.wait() == 0
        await gone(children)

    async def kill(self) -> None:
        """Kill its supervisor; nothing of it is left."""
        self._running.send_signal(
            signal.SIGSTOP
        )  # So that it starts no child between being asked for them and its end.
        children = self.children()
        self._running.kill()
        await self._running.wait()
        try:
            await gone(children)
        except TimeoutError:
            for pid in children:
                end(pid)
            raise

    async def rebuild(self, placement: str) -> str:
        """What `edgewise rebuild` says beside the running service."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edgewise", "rebuild", placement, "--data", str(self.folder / "data")),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    def pids(self, part: Part) -> list[int]:
        """The processes of this part that run now."""
        return [pid for pid, command in children_of(self._running.pid).items() if part in command]

    def children(self) -> list[int]:
        return list(children_of(self._running.pid))

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the service was never started"
        return self._process


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[Service]:
    """A service that is ready; at the end it is killed, and must leave nothing behind."""
    service = Service(folder, **settings)
    try:
        await service.start()
        yield service
    except BaseException as error:
        error.add_note(f"the service had said:\n{service.log[-8000:]}")
        raise
    finally:
        if service.is_running:
            await service.kill()


@asynccontextmanager
async def store_of(service: Service) -> AsyncIterator[Store]:
    """The service's store, connected."""
    store = await Store.connect(service.store_url)
    try:
        yield store
    finally:
        await store.close()


def end(pid: int) -> bool:
    """Kill this process; False when it had ended before."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
