"""Steady requests over connections that stay open and over new ones, which count every failure."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

PAUSE = 0.02
"""Seconds between two requests of one client."""


class Traffic:
    """What became of the requests: `responses` by status, and the failures by their kind."""

    def __init__(self) -> None:
        self.responses: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()

    async def wait_for(self, more: int) -> None:
        """Wait for so many more responses."""
        wanted = self.responses.total() + more
        async with asyncio.timeout(60):
            while self.responses.total() < wanted:  # noqa: ASYNC110 - each response changes it
                await asyncio.sleep(PAUSE)

    async def keep_alive(self, url: str, request: dict[str, Any]) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            while True:
                await self._send(client, request)

    async def connect_each_time(self, url: str, request: dict[str, Any]) -> None:
        while True:
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                await self._send(client, request)

    async def _send(self, client: httpx.AsyncClient, request: dict[str, Any]) -> None:
        try:
            self.responses[(await client.request(**request)).status_code] += 1
        except httpx.ConnectError:
            self.failures["refused"] += 1
        except httpx.HTTPError as error:
            self.failures[f"{type(error).__name__}: {error}"] += 1
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def steady_traffic(base_url: str, **request: Any) -> AsyncIterator[Traffic]:
    """Send this request again and again until the end of the block."""
    traffic = Traffic()
    clients = (traffic.keep_alive, traffic.keep_alive, traffic.connect_each_time, traffic.connect_each_time)
    tasks = [asyncio.create_task(client(base_url, request)) for client in clients]
    try:
        await traffic.wait_for(8)
        yield traffic
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended
