"""The stage: a store with the shop's policies, one worker that decides and one that echoes, each with its core."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from edgewise.child import Child
from edgewise.learner.process import Learner
from edgewise.processes.listener import listen
from edgewise.processes.publisher import Publisher
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.store.data_folder import DataFolder
from edgewise.store.embedded import EmbeddedValkey
from load_tests import shop
from load_tests.cores import Cores, on

ECHO = "load_tests.echo:create_app"
BUDGET = 9000
"""Milliseconds that a decide call may wait for the store. It is long, so that an answer that comes late is measured as
late, instead of being a fallback, which would end the measurement."""

_PATIENCE = 30.0  # seconds


class Worker:
    """A web worker, exactly as `edgewise serve` starts it."""

    def __init__(self, child: Child, port: int) -> None:
        self.port = port
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid


class Stage:
    """All that runs while decisions are measured."""

    def __init__(self, store: Store, settings: Settings, cores: Cores, metrics: Path) -> None:
        self.store = store
        self._settings = settings
        self._cores = cores
        self._environ = {**os.environ, **settings.environ(), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}

    @property
    def store_url(self) -> str:
        assert self._settings.redis is not None
        return self._settings.redis

    @asynccontextmanager
    async def worker(self, app: str) -> AsyncIterator[Worker]:
        """A web worker on the measured core, for as long as the context lasts; it answers from the beginning.

        Raises:
            TimeoutError: it does not answer; what it wrote to standard error says why.
        """
        with listen("127.0.0.1", 0) as listener:
            command = [sys.executable, "-m", "edgewise.processes.worker", str(listener.descriptor), app]
            child = Child(app, command, environ=self._environ, pass_fds=[listener.descriptor])
            with on(self._cores.measured):
                await child.start()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await listener.wait_until_healthy()
                yield Worker(child, listener.port)
            finally:
                await child.stop()

    @asynccontextmanager
    async def learner(self) -> AsyncIterator[None]:
        """What `edgewise learn` runs, for as long as the context lasts."""
        stop = asyncio.Event()
        learning = asyncio.create_task(Learner(self.store, self._settings).run(stop))
        try:
            yield
        finally:
            stop.set()
            await learning

    async def measured(self, module: str, *arguments: int) -> bytes:
        """What this module prints when it runs on the measured core.

        Raises:
            RuntimeError: it ended with an error; what it wrote to standard error says why.
        """
        child = Child(
            module,
            [sys.executable, "-m", module, *map(str, arguments)],
            environ=self._environ,
            stdout=asyncio.subprocess.PIPE,
        )
        with on(self._cores.measured):
            await child.start()
        try:
            printed = await child.output.read()
            status = await child.wait()
        finally:
            await child.stop()
        if status != 0:
            raise RuntimeError(f"{module}: found it ended with status {status}, expected 0")
        return printed


@asynccontextmanager
async def stage(folder: Path, cores: Cores) -> AsyncIterator[Stage]:
    """A stage whose files are in this folder. Whatever runs on it has ended when the context ends."""
    shop.write_policies(folder / "policies")
    metrics = folder / "metrics"
    metrics.mkdir()
    async with AsyncExitStack() as stack:
        data = await stack.enter_async_context(DataFolder.locked(folder / "data"))
        valkey = EmbeddedValkey(data, "everysec")
        stack.push_async_callback(valkey.stop)
        await valkey.start()
        store = await Store.connect(valkey.url)
        stack.push_async_callback(store.close)
        publisher = Publisher(folder / "policies")
        await publisher.load()
        await publisher.publish(store)
        settings = Settings(redis=valkey.url, secret_key=shop.SECRET_KEY, decide_budget=BUDGET)
        yield Stage(store, settings, cores, metrics)
