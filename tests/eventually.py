"""Polling, for conditions without an event to await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
    """Wait until the condition is true, and check it every few milliseconds.

    Raises:
        TimeoutError: It is not true within this many seconds. The default is far above any expected duration.
    """
    async with asyncio.timeout(within):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.005)
