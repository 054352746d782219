"""The processes of the benchmark: a store with the shop's policies, and web workers on the measured core."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from edgewise.child import Child
from edgewise.learner.process import Learner
from edgewise.processes.listener import listen
from edgewise.processes.publisher import Publisher
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.store.data_folder import DataFolder
from edgewise.store.embedded_valkey import EmbeddedValkey
from load_tests import bench_shop
from load_tests.cpu_cores import Cores, pinned_to

ECHO = "load_tests.echo_app:create_app"
MANY = 999_999_999
BUDGET = 9000
"""Milliseconds that a decide call may wait for the store. It is long so that a late response counts as a latency. A
fallback would end the measurement."""

_TIMEOUT = 30.0  # Seconds.


class BenchWorker:
    """A web worker, started as `edgewise serve` starts it."""

    def __init__(self, child: Child, port: int) -> None:
        self.port = port
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid


class BenchEnvironment:
    """The store and the processes that run during a measurement."""

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
    async def worker(self, app: str) -> AsyncIterator[BenchWorker]:
        """Run a web worker on the measured core. It is ready for requests.

        Raises:
            TimeoutError: The worker does not become ready. Its standard error has the cause.
        """
        with listen("127.0.0.1", 0) as listener, _pipe() as ready:
            command = [sys.executable, "-m", "edgewise.processes.worker", str(listener.descriptor), app, str(ready)]
            child = Child(app, command, environ=self._environ, pass_fds=[listener.descriptor, ready])
            with pinned_to(self._cores.measured):
                await child.start()
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await listener.wait_until_healthy()
                yield BenchWorker(child, listener.port)
            finally:
                await child.stop()

    @asynccontextmanager
    async def learner(self) -> AsyncIterator[None]:
        """Run the learner in this process."""
        stop = asyncio.Event()
        learning = asyncio.create_task(Learner(self.store, self._settings).run(stop))
        try:
            yield
        finally:
            stop.set()
            await learning

    async def run_module(self, module: str, *arguments: int) -> bytes:
        """Run a module on the measured core, and return its output.

        Raises:
            RuntimeError: The module failed. Its standard error has the cause.
        """
        child = Child(
            module,
            [sys.executable, "-m", module, *map(str, arguments)],
            environ=self._environ,
            stdout=asyncio.subprocess.PIPE,
        )
        with pinned_to(self._cores.measured):
            await child.start()
        try:
            printed = await child.output.read()
            status = await child.wait()
        finally:
            await child.stop()
        if status != 0:
            raise RuntimeError(f"{module}: Expected exit status 0, found {status}. See its standard error.")
        return printed


@contextmanager
def _pipe() -> Iterator[int]:
    """The writing end of a pipe, for a worker that reports when it is ready."""
    ends = os.pipe()
    try:
        yield ends[1]
    finally:
        for end in ends:
            os.close(end)


@asynccontextmanager
async def start_environment(folder: Path, cores: Cores) -> AsyncIterator[BenchEnvironment]:
    """Start an environment with its files in this folder. It stops with the block."""
    bench_shop.write_policies(folder / "policies")
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
        settings = Settings(
            redis=valkey.url,
            secret_key=bench_shop.SECRET_KEY,
            decide_budget=BUDGET,
            # All calls come from one address. With a limit of 0, the cost of the budgets would not be measured.
            decides_per_source=MANY,
            messages_per_source=MANY,
            visitors_per_source=MANY,
        )
        yield BenchEnvironment(store, settings, cores, metrics)
