"""Waiting for what tells no event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
    """Wait until the condition holds, looking every few milliseconds.

    Raises:
        TimeoutError: it does not hold within this many seconds; far more than anything here takes.
    """
    async with asyncio.timeout(within):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.005)
