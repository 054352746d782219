"""An errand: what one call asks of the store, by a time of the event loop's clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from edgewise.errors import StoreUnavailable
from edgewise.store import Command, Store

_TOGETHER = 64
"""Commands that leave together: decisions share the lane, and must not wait for the whole of a large batch."""

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.064
"""Seconds. Of any number of writers one wins each race, and the others must not meet again all at once."""


class Errand:
    """Sends commands, and waits for the replies until `patience` seconds have passed."""

    def __init__(self, store: Store, patience: float) -> None:
        self._lane = store.lane
        self._patience = patience
        self.deadline = asyncio.get_running_loop().time() + patience

    async def acknowledged(self, commands: Sequence[Command]) -> list[Any]:
        """The store's replies, in order. The commands are executed in order too, except scripts that are new to it.

        Raises:
            StoreError: the store did not acknowledge all of them.
        """
        replies: list[Any] = []
        for start in range(0, len(commands), _TOGETHER):
            waiting: list[asyncio.Future[Any]] = []
            try:
                for command in commands[start : start + _TOGETHER]:
                    waiting.append(self._lane.submit(command, self.deadline))
            finally:
                answers = await asyncio.gather(*waiting, return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            replies += answers
        return replies

    def race(self) -> Race:
        """What is to be written while others may write it, too."""
        return Race(self.deadline, self._patience)


class Race:
    """Attempts to write what is there no more as it was read: each waits longer than the one before, at random."""

    def __init__(self, deadline: float, patience: float) -> None:
        self._deadline = deadline
        self._patience = patience
        self._lost = 0

    async def lost(self) -> None:
        """Wait before the next attempt.

        Raises:
            StoreUnavailable: there is no time left for one.
        """
        self._lost += 1
        pause = random.uniform(0, min(_FIRST_PAUSE * 2**self._lost, _LONGEST_PAUSE))
        if asyncio.get_running_loop().time() + pause >= self._deadline:
            raise StoreUnavailable(
                f"profile of a visitor: found it changed {self._lost} times, expected to write it between, "
                f"within {self._patience:g} s"
            )
        await asyncio.sleep(pause)
