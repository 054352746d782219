"""The supervisor, which `edgewise serve` runs. It owns the store, the web workers, the learner and the publisher."""

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
from edgewise.processes.listener import Listener, listen
from edgewise.processes.publisher import Publisher
from edgewise.processes.restarts import Process, keep_running
from edgewise.processes.secret_key import load_or_create_secret_key
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.store.data_folder import DataFolder
from edgewise.store.embedded_valkey import EmbeddedValkey
from edgewise.store.runtime import METRICS

log = logging.getLogger(__name__)

APP = "edgewise.app:create_app"
"""The function that creates the ASGI app of the web workers."""


class Supervisor:
    """Runs all processes of a server until SIGTERM or SIGINT. A second signal kills the remaining processes."""

    def __init__(self, settings: Settings, app: str = APP) -> None:
        self._settings = settings
        self._app = app
        self._running: list[Process] = []
        self._is_serving = False
        self._stop_requested = asyncio.Event()

    async def run(self) -> None:
        """Serve until a stop signal. Then stop the workers and the learner first, and the store last.

        Raises:
            EdgewiseError: the server cannot start.
        """
        with self._handle_signals():
            try:
                await self._serve()
            except asyncio.CancelledError:
                if not self._stop_requested.is_set():
                    raise
        log.info("Stopped.")

    @contextmanager
    def _handle_signals(self) -> Iterator[None]:
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
        if self._stop_requested.is_set():
            for process in self._running:
                process.kill()
            return
        log.info("Stopping. A second signal kills the remaining processes.")
        self._stop_requested.set()
        if not self._is_serving:  # Later the event is enough. A library can lose a cancellation, but not an event.
            running_task.cancel()

    async def _serve(self) -> None:
        settings = self._settings
        async with AsyncExitStack() as stack:
            publisher = Publisher(settings.policies)
            await publisher.load()
            folder = await stack.enter_async_context(DataFolder.locked(settings.data))
            listener = stack.enter_context(listen(settings.host, settings.port))
            url = settings.redis
            if url is None:
                url = await stack.enter_async_context(self._valkey(folder))
            store = await Store.connect(url, must_answer=False)
            stack.push_async_callback(store.close)
            folder.announce(url)
            await publisher.try_to_publish(store)
            secret_key = settings.secret_key or load_or_create_secret_key(settings.data)
            resolved = replace(settings, redis=url, secret_key=secret_key)
            metrics = folder.runtime / METRICS
            metrics.mkdir()
            await stack.enter_async_context(self._keep_running(self._processes(resolved, listener, metrics)))
            await listener.wait_until_healthy()
            log.info("Listening on %s. The store is %s.", listener.url, store.url)
            self._is_serving = True
            await stack.enter_async_context(self._webhook_dispatcher(resolved, publisher, metrics))
            await publisher.watch(store, self._stop_requested)

    @asynccontextmanager
    async def _valkey(self, folder: DataFolder) -> AsyncIterator[str]:
        valkey = EmbeddedValkey(folder, self._settings.appendfsync)
        async with self._keep_running([valkey]):
            yield valkey.url

    @asynccontextmanager
    async def _keep_running(self, processes: Sequence[Process]) -> AsyncIterator[None]:
        self._running.extend(processes)
        async with keep_running(processes):
            yield

    @asynccontextmanager
    async def _webhook_dispatcher(self, settings: Settings, publisher: Publisher, metrics: Path) -> AsyncIterator[None]:
        """Start the webhook dispatcher as soon as a site has a webhook."""
        child = _MeasuredChild("webhook dispatcher", [sys.executable, "-m", "edgewise", "courier"], settings, metrics)

        async def run() -> None:
            await publisher.has_webhooks.wait()
            async with self._keep_running([child]):
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _processes(self, settings: Settings, listener: Listener, metrics: Path) -> list[Process]:
        web = [sys.executable, "-m", "edgewise.processes.worker", str(listener.descriptor), self._app]
        processes: list[Process] = [
            _MeasuredChild(f"web worker {number}", web, settings, metrics, pass_fds=[listener.descriptor])
            for number in range(1, settings.workers + 1)
        ]
        if settings.learner:
            processes.append(_MeasuredChild("learner", [sys.executable, "-m", "edgewise", "learn"], settings, metrics))
        return processes


class _MeasuredChild(Child):
    """A child that writes its metrics to files in a folder, which all children share."""

    def __init__(
        self, name: str, command: Sequence[str], settings: Settings, metrics: Path, pass_fds: Sequence[int] = ()
    ) -> None:
        environ = {**os.environ, **settings.environ(), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        super().__init__(name, command, environ=environ, pass_fds=pass_fds, stop_within=15.0)
        self._metrics = metrics

    async def wait(self) -> int:
        status = await super().wait()
        # Otherwise the metrics would report its gauges forever.
        mark_process_dead(self.pid, str(self._metrics))  # type: ignore[no-untyped-call]
        return status
