"""The supervisor, which `edgewise serve` runs. It owns the store, the web workers, the learner and the publisher."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

from edgewise.machine_memory import machine_memory
from edgewise.processes.children import Children
from edgewise.processes.listener import listen
from edgewise.processes.publisher import Publisher
from edgewise.processes.restarts import Process, ProcessGroup, ReplaceableProcess, keep_running
from edgewise.processes.secret_key import load_or_create_secret_key
from edgewise.processes.store_start import checked
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.store.data_folder import DataFolder
from edgewise.store.embedded_valkey import EmbeddedValkey
from edgewise.store.runtime import METRICS

log = logging.getLogger(__name__)

APP = "edgewise.app:create_app"
"""The function that creates the ASGI app of the web workers."""


class Supervisor:
    """Runs all processes of a server until SIGTERM or SIGINT. A second signal kills the remaining processes.

    SIGHUP replaces every process but the store. The new ones run the code that is installed now.
    """

    def __init__(self, settings: Settings, app: str = APP) -> None:
        self._settings = settings
        self._app = app
        self._groups: list[ProcessGroup] = []
        self._replaceable: list[tuple[ProcessGroup, Sequence[ReplaceableProcess]]] = []
        self._is_serving = False
        self._stop_requested = asyncio.Event()
        self._reload_requested = asyncio.Event()
        self._has_terminal = sys.stderr.isatty()

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
        handlers = {
            **dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT), self._stop),
            signal.SIGHUP: self._reload,
            # Otherwise they would end the server at once. Tools that rotate logs send them to any server.
            **dict.fromkeys((signal.SIGUSR1, signal.SIGUSR2), self._ignore),
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler, running_task)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _stop(self, running_task: asyncio.Task[object]) -> None:
        if self._stop_requested.is_set():
            for group in self._groups:
                group.kill()
            return
        log.info("Stopping. A second signal kills the remaining processes.")
        self._stop_requested.set()
        if not self._is_serving:  # Later the event is enough. A library can lose a cancellation, but not an event.
            running_task.cancel()

    def _ignore(self, running_task: asyncio.Task[object]) -> None:
        log.info("Ignored a signal without a meaning. SIGHUP replaces the processes, and SIGTERM stops the server.")

    def _reload(self, running_task: asyncio.Task[object]) -> None:
        if self._has_terminal and not sys.stderr.isatty():  # The terminal was closed.
            self._stop(running_task)
        else:
            self._reload_requested.set()

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
            store = await Store.connect(url, must_answer=False, key_prefix=settings.key_prefix)
            stack.push_async_callback(store.close)
            if settings.redis is not None:
                await stack.enter_async_context(checked(store))
            folder.announce(url)
            await publisher.refuse_new_oversights(store)
            await publisher.try_to_publish(store)
            secret_key = settings.secret_key or load_or_create_secret_key(settings.data)
            memory = settings.store_memory
            if memory is None and settings.redis is None:
                memory = machine_memory() // 2
            resolved = replace(settings, redis=url, secret_key=secret_key, store_memory=memory)
            metrics = folder.runtime / METRICS
            metrics.mkdir()
            children = Children(resolved, metrics)
            serving = children.workers(listener, self._app) + ([children.learner()] if settings.learner else [])
            await stack.enter_async_context(self._keep_replaceable(serving))
            # Before the workers stop. Each accepts the connections that wait, and the last one closes the socket.
            stack.callback(listener.close)
            await listener.wait_until_healthy()
            log.info("Listening on %s. The store is %s.", listener.url, store.url)
            self._is_serving = True
            await stack.enter_async_context(self._webhook_dispatcher(children, publisher))
            await stack.enter_async_context(self._reloads())
            await publisher.watch(store, self._stop_requested)

    @asynccontextmanager
    async def _valkey(self, folder: DataFolder) -> AsyncIterator[str]:
        valkey = EmbeddedValkey(folder, self._settings.appendfsync)
        async with self._keep_running([valkey]):
            yield valkey.url

    @asynccontextmanager
    async def _keep_running(self, processes: Sequence[Process]) -> AsyncIterator[ProcessGroup]:
        async with keep_running(processes) as group:
            self._groups.append(group)
            yield group

    @asynccontextmanager
    async def _keep_replaceable(self, processes: Sequence[ReplaceableProcess]) -> AsyncIterator[None]:
        async with self._keep_running(processes) as group:
            self._replaceable.append((group, processes))
            yield

    @asynccontextmanager
    async def _reloads(self) -> AsyncIterator[None]:
        """Replace the processes whenever SIGHUP requests it."""

        async def run() -> None:
            while True:
                await self._reload_requested.wait()
                self._reload_requested.clear()
                log.info("Replacing all processes but the store.")
                for group, processes in self._replaceable:
                    await group.replace(processes)
                log.info("Replaced.")

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def _webhook_dispatcher(self, children: Children, publisher: Publisher) -> AsyncIterator[None]:
        """Start the webhook dispatcher as soon as a site has a webhook."""

        async def run() -> None:
            await publisher.has_webhooks.wait()
            async with self._keep_replaceable([children.dispatcher()]):
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
