"""Restarts of processes that end, with exponential back-off."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Never, Protocol

from edgewise.errors import EdgewiseError

log = logging.getLogger(__name__)

FIRST_DELAY = 0.1  # seconds
LAST_DELAY = 30.0
_HINTS: Mapping[int, str] = {
    signal.SIGKILL: ", perhaps because the machine has too little memory",
    signal.SIGBUS: ", probably because the disk of the temporary folder is full",
}

HEALTHY_AFTER = 60.0
"""The delay starts over for a process that ran at least this many seconds."""


class Process(Protocol):
    """A process that can be started again after it has ended or was stopped."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def stop(self) -> None: ...
    def kill(self) -> None: ...


class ReplaceableProcess(Process, Protocol):
    """A process that a new one can replace."""

    async def replace(self) -> None: ...


class ProcessGroup:
    """Processes that are restarted when they end."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._watchers: dict[Process, asyncio.Task[Never]] = {}

    async def start(self) -> None:
        """Start all of them.

        Raises:
            EdgewiseError, OSError: a process did not start.
        """
        for process in self._processes:
            await process.start()
            self._watch(process)

    async def replace(self, processes: Sequence[ReplaceableProcess]) -> None:
        """Replace these processes of the group one after the other. Logs the failure of one and continues."""
        for process in processes:
            await _cancel(self._watchers[process])
            try:
                await process.replace()
                log.info("%s: Replaced by process %d.", process.name, process.pid)
            except (EdgewiseError, OSError) as error:
                log.error("%s: The replacement failed: %s", process.name, error)
            finally:
                self._watch(process)

    async def stop(self) -> None:
        """Stop all of them at the same time."""
        await _cancel(*self._watchers.values())
        await asyncio.gather(*(process.stop() for process in self._processes))

    def kill(self) -> None:
        for process in self._processes:
            process.kill()

    def _watch(self, process: Process) -> None:
        self._watchers[process] = asyncio.create_task(_restart_forever(process))


@asynccontextmanager
async def keep_running(processes: Sequence[Process]) -> AsyncIterator[ProcessGroup]:
    """Start these processes and restart those that end. On exit, stop all of them at the same time.

    Raises:
        EdgewiseError, OSError: the first start of a process failed.
    """
    group = ProcessGroup(processes)
    try:
        await group.start()
        yield group
    finally:
        await group.stop()


async def _cancel(*tasks: asyncio.Task[Never]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _restart_forever(process: Process) -> Never:
    loop = asyncio.get_running_loop()
    delay = FIRST_DELAY
    while True:
        started_at = loop.time()
        status = await process.wait()
        if loop.time() - started_at >= HEALTHY_AFTER:
            delay = FIRST_DELAY
        log.error("%s: Process %d %s. It restarts in %.1f s.", process.name, process.pid, _describe(status), delay)
        await asyncio.sleep(delay)
        delay = min(2 * delay, LAST_DELAY)
        try:
            await process.start()
            log.info("%s: Restarted as process %d.", process.name, process.pid)
        except (EdgewiseError, OSError) as error:
            log.error("%s: The restart failed: %s", process.name, error)


def _describe(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    name = signal.strsignal(-status) or "unknown"
    return f"was ended by signal {-status} ({name}){_HINTS.get(-status, '')}"
