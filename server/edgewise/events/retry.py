"""Retries of a compare-and-set that another writer was faster to change."""

from __future__ import annotations

import asyncio
import random

from edgewise.errors import StoreUnavailable

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.064
"""Seconds. One writer wins each attempt, and the random pauses keep the others from colliding again."""


class CasRetry:
    """Pauses between the attempts of a compare-and-set, until a deadline on the event loop's clock.

    The longest possible pause doubles with each attempt.
    """

    def __init__(self, deadline: float, patience: float) -> None:
        self._deadline = deadline
        self._patience = patience
        self._lost = 0

    async def backoff(self) -> None:
        """Pause before the next attempt.

        Raises:
            StoreUnavailable: the deadline comes before the end of the pause.
        """
        self._lost += 1
        pause = random.uniform(0, min(_FIRST_PAUSE * 2**self._lost, _LONGEST_PAUSE))
        if asyncio.get_running_loop().time() + pause >= self._deadline:
            raise StoreUnavailable(
                f"A visitor's profile could not be written within {self._patience:g} s, because other writers changed "
                f"it {self._lost} times. Try again."
            )
        await asyncio.sleep(pause)
