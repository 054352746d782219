"""The store commands of one request, which share a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from edgewise.events.retry import CasRetry
from edgewise.store import Command, Store

_CHUNK = 64
"""Commands that are sent together. Decisions share the pipeline, and must not wait for all of a large batch."""


class StoreBatch:
    """Executes commands until `patience` seconds have passed. `deadline` is a time of the event loop's clock."""

    def __init__(self, store: Store, patience: float) -> None:
        self._pipeline = store.pipeline
        self._patience = patience
        self.deadline = asyncio.get_running_loop().time() + patience

    async def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Return the store's replies, in order.

        The store executes the commands in order too, except scripts that it does not have yet.

        Raises:
            StoreError: the store did not acknowledge all commands in time.
        """
        replies: list[Any] = []
        for start in range(0, len(commands), _CHUNK):
            submitted: list[asyncio.Future[Any]] = []
            try:
                for command in commands[start : start + _CHUNK]:
                    submitted.append(self._pipeline.submit(command, self.deadline))
            finally:
                results = await asyncio.gather(*submitted, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            replies += results
        return replies

    def retry(self) -> CasRetry:
        return CasRetry(self.deadline, self._patience)
