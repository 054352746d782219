"""The real service: `edgewise serve` as a process with its own folder and port, which tests can kill and restart."""

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
from tests.integration.chaos_shop import write_policies
from tests.integration.processes import TIMEOUT, children_of, wait_until_gone
from tests.servers import NO_LIMITS
from tests.valkey import free_port

Part: TypeAlias = Literal["valkey-server", "edgewise.processes.worker", "edgewise learn"]
"""A part of the service, given by a part of its command line."""

SECRET = "4711-of-the-tested-shop"


class Service:
    """A service whose port, policies and data outlive its process. `settings` become `EDGEWISE_*` variables."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.policies = folder / "policies"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(exist_ok=True)
        write_policies(self.policies)
        own = {"data": folder / "data", "policies": self.policies, "port": self.port, "secret_key": SECRET}
        chosen = {"decide_budget": "1s", "workers": "2"} | NO_LIMITS | own | settings
        self._environ = {f"EDGEWISE_{name.upper()}": str(value) for name, value in chosen.items()}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def store_url(self) -> str:
        return (self.folder / "data" / "store.url").read_text()

    @property
    def log(self) -> str:
        """The log of all its processes since the first start."""
        return (self.folder / "log").read_text(errors="replace")

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edgewise", "serve", env={**os.environ, **self._environ}, stderr=log
            )
        await self.ready()

    async def ready(self) -> None:
        """Wait until /readyz reports that it is ready."""
        async with httpx.AsyncClient(base_url=self.url) as client:

            async def is_ready() -> bool:
                assert self._running.returncode is None, f"The service ended. Its log:\n{self.log[-4000:]}"
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(is_ready)

    async def stop(self) -> None:
        """Stop it in order. All its processes must end."""
        children = self.children()
        self._running.terminate()
        async with asyncio.timeout(TIMEOUT):
            assert await self._running.wait() == 0
        await wait_until_gone(children)

    async def reload(self) -> None:
        """Let its supervisor replace all processes but the store."""
        before = self.log.count("Replaced.\n")
        self._running.send_signal(signal.SIGHUP)

        async def is_replaced() -> bool:
            return self.log.count("Replaced.\n") > before

        await eventually(is_replaced)

    async def kill(self) -> None:
        """Kill its supervisor. All its processes must end."""
        self._running.send_signal(signal.SIGSTOP)  # Prevents new children before the kill.
        children = self.children()
        self._running.kill()
        await self._running.wait()
        try:
            await wait_until_gone(children)
        except TimeoutError:
            for pid in children:
                kill_process(pid)
            raise

    async def rebuild(self, placement: str) -> str:
        """The output of `edgewise rebuild` beside the running service."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edgewise", "rebuild", placement, "--data", str(self.folder / "data")),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    def pids(self, part: Part) -> list[int]:
        """The ids of the running processes of this part."""
        return [pid for pid, command in children_of(self._running.pid).items() if part in command]

    def children(self) -> list[int]:
        return list(children_of(self._running.pid))

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "The service was never started."
        return self._process


@asynccontextmanager
async def run_service(folder: Path, **settings: str) -> AsyncIterator[Service]:
    """Run a service, and kill it at the end of the block."""
    service = Service(folder, **settings)
    try:
        await service.start()
        yield service
    except BaseException as error:
        error.add_note(f"The log of the service:\n{service.log[-8000:]}")
        raise
    finally:
        if service.is_running:
            await service.kill()


@asynccontextmanager
async def store_of(service: Service) -> AsyncIterator[Store]:
    """Connect to the service's store."""
    store = await Store.connect(service.store_url)
    try:
        yield store
    finally:
        await store.close()


def kill_process(pid: int) -> bool:
    """Kill this process. Return False if it had already ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
