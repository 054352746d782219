"""Keeps services running: one that ends is started again, later and later while it keeps ending."""

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
"""A service that ran this many seconds counts as healthy: its next end is its first."""


class Service(Protocol):
    """Something that runs until it ends or is stopped, and may then be started again."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def stop(self) -> None: ...
    def kill(self) -> None: ...


@asynccontextmanager
async def running(services: Sequence[Service]) -> AsyncIterator[None]:
    """Start these services and keep them running; at the end stop them, all at the same time.

    Raises:
        EdgewiseError, OSError: one of them does not even start.
    """
    keepers: list[asyncio.Task[Never]] = []
    try:
        for service in services:
            await service.start()
            keepers.append(asyncio.create_task(_keep(service)))
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await asyncio.gather(*(service.stop() for service in services))


async def _keep(service: Service) -> Never:
    loop = asyncio.get_running_loop()
    delay = FIRST_DELAY
    while True:
        began = loop.time()
        status = await service.wait()
        if loop.time() - began >= HEALTHY_AFTER:
            delay = FIRST_DELAY
        log.error("%s (process %d) %s; it is started again in %.1f s", service.name, service.pid, _end(status), delay)
        await asyncio.sleep(delay)
        delay = min(2 * delay, LAST_DELAY)
        try:
            await service.start()
            log.info("%s runs again (process %d)", service.name, service.pid)
        except (EdgewiseError, OSError) as error:
            log.error("%s does not start: %s", service.name, error)


def _end(status: int) -> str:
    return f"ended with status {status}" if status >= 0 else f"was ended by signal {-status}"
