"""The supervisor: what `edgewise serve` runs. It owns the store, the web workers, the learner and the publisher."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from edgewise.child import Child
from edgewise.processes.keeper import Service, running
from edgewise.processes.listener import Listener, listening
from edgewise.processes.publisher import Publisher
from edgewise.processes.secret import kept_secret_key
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.store.data_folder import DataFolder
from edgewise.store.embedded import EmbeddedValkey
from edgewise.store.runtime import METRICS

log = logging.getLogger(__name__)

APP = "edgewise.app:create_app"
"""Makes the ASGI app that web workers serve."""


class Supervisor:
    """Runs everything that a server is made of, until SIGTERM or SIGINT; a second one of them kills what is left."""

    def __init__(self, settings: Settings, app: str = APP) -> None:
        self._settings = settings
        self._app = app
        self._services: list[Service] = []
        self._is_serving = False
        self._told_to_stop = asyncio.Event()

    async def run(self) -> None:
        """Serve until told to stop; then stop the workers and the learner first, the store last.

        Raises:
            EdgewiseError: the server cannot start; says why.
        """
        with self._signals_handled():
            try:
                await self._serve()
            except asyncio.CancelledError:
                if not self._told_to_stop.is_set():
                    raise
        log.info("stopped")

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        loop, running_task = asyncio.get_running_loop(), asyncio.current_task()
        assert running_task is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, running_task)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _stop(self, running_task: asyncio.Task[object]) -> None:
        if self._told_to_stop.is_set():
            for service in self._services:
                service.kill()
            return
        log.info("stopping; a second signal kills")
        self._told_to_stop.set()
        if not self._is_serving:  # Later the event is enough, and cannot get lost in a library as a cancellation can.
            running_task.cancel()

    async def _serve(self) -> None:
        settings = self._settings
        async with AsyncExitStack() as stack:
            publisher = Publisher(settings.policies)
            await publisher.load()
            folder = await stack.enter_async_context(DataFolder.held(settings.data))
            listener = stack.enter_context(listening(settings.host, settings.port))
            url = settings.redis
            if url is None:
                url = await stack.enter_async_context(self._valkey(folder))
            store = await Store.connect(url, proven=False)
            stack.push_async_callback(store.close)
            folder.announce(url)
            await publisher.try_to_publish(store)
            secret_key = settings.secret_key or kept_secret_key(settings.data)
            resolved = replace(settings, redis=url, secret_key=secret_key)
            metrics = folder.runtime / METRICS
            metrics.mkdir()
            await stack.enter_async_context(self._kept(self._processes(resolved, listener, metrics)))
            await listener.answers()
            log.info("listening on %s; the store is %s", listener.url, store.url)
            self._is_serving = True
            await stack.enter_async_context(self._courier(resolved, publisher, metrics))
            await publisher.watch(store, self._told_to_stop)

    @asynccontextmanager
    async def _valkey(self, folder: DataFolder) -> AsyncIterator[str]:
        valkey = EmbeddedValkey(folder, self._settings.appendfsync)
        async with self._kept([valkey]):
            yield valkey.url

    @asynccontextmanager
    async def _kept(self, services: Sequence[Service]) -> AsyncIterator[None]:
        self._services.extend(services)
        async with running(services):
            yield

    @asynccontextmanager
    async def _courier(self, settings: Settings, publisher: Publisher, metrics: Path) -> AsyncIterator[None]:
        """Run a courier from when some site has a webhook."""
        child = _Measured("courier", [sys.executable, "-m", "edgewise", "courier"], settings, metrics)

        async def run() -> None:
            await publisher.has_webhooks.wait()
            async with self._kept([child]):
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _processes(self, settings: Settings, listener: Listener, metrics: Path) -> list[Service]:
        web = [sys.executable, "-m", "edgewise.processes.worker", str(listener.descriptor), self._app]
        processes: list[Service] = [
            _Measured(f"web worker {number}", web, settings, metrics, pass_fds=[listener.descriptor])
            for number in range(1, settings.workers + 1)
        ]
        if settings.learner:
            processes.append(_Measured("learner", [sys.executable, "-m", "edgewise", "learn"], settings, metrics))
        return processes


class _Measured(Child):
    """A child that writes its metrics to files in a folder shared by all of them."""

    def __init__(
        self, name: str, command: Sequence[str], settings: Settings, metrics: Path, pass_fds: Sequence[int] = ()
    ) -> None:
        environ = {**os.environ, **settings.environ(), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        super().__init__(name, command, environ=environ, pass_fds=pass_fds, stop_within=15.0)
        self._metrics = metrics

    async def wait(self) -> int:
        status = await super().wait()
        # Or its gauges would be reported for ever.
        mark_process_dead(self.pid, str(self._metrics))  # type: ignore[no-untyped-call]
        return status
