"""Restarts of processes that end, with exponential back-off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Never, Protocol

from edgewise.errors import EdgewiseError

log = logging.getLogger(__name__)

FIRST_DELAY = 0.1  # seconds
LAST_DELAY = 30.0
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


@asynccontextmanager
async def keep_running(processes: Sequence[Process]) -> AsyncIterator[None]:
    """Start these processes and restart those that end. On exit, stop all of them at the same time.

    Raises:
        EdgewiseError, OSError: the first start of a process failed.
    """
    tasks: list[asyncio.Task[Never]] = []
    try:
        for process in processes:
            await process.start()
            tasks.append(asyncio.create_task(_restart_forever(process)))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(process.stop() for process in processes))


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
    return f"ended with status {status}" if status >= 0 else f"was ended by signal {-status}"
