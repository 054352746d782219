"""The figures in the toolbar below the shop's pages, and whether someone watches them."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from edgewise.demo.catalogue import load_catalogue
from edgewise.demo.server_status import StatusPoller
from edgewise.demo.tally import DemoTally

WATCHED_SECONDS = 20.0
"""Seconds after a request during which the scoreboard counts as watched. Hidden tabs send requests less often."""


class Scoreboard:
    """Combines the tallies of the hero, the row and the cart."""

    def __init__(self, hero: DemoTally, row: DemoTally, cart: DemoTally, poller: StatusPoller) -> None:
        self._categories = load_catalogue().categories
        self._hero = hero
        self._row = row
        self._cart = cart
        self._poller = poller
        self._is_watched = asyncio.Event()
        self._unwatched: asyncio.TimerHandle | None = None

    def watch(self) -> dict[str, Any]:
        """The figures, for someone who watches from now on."""
        self._is_watched.set()
        if self._unwatched is not None:
            self._unwatched.cancel()
        self._unwatched = asyncio.get_running_loop().call_later(WATCHED_SECONDS, self._is_watched.clear)
        return self.figures()

    @property
    def is_watched(self) -> bool:
        return self._is_watched.is_set()

    async def until_watched(self) -> None:
        await self._is_watched.wait()

    def figures(self) -> dict[str, Any]:
        """The number of visitors, the lift, and the share of each action in each segment, as JSON for the toolbar."""
        hero, row = self._hero, self._row
        return {
            "visitors": hero.arrived,
            "model": self._poller.status.model_version,
            "policy": _number(hero.policy.mean),
            "control": _number(hero.control.mean),
            "lift": lift._asdict() if (lift := hero.lift()) else None,
            "segments": [
                {
                    "name": segment.name,
                    "hero": {action: hero.share(segment, action) for action in hero.actions},
                    "row": {category: row.share(segment, category) for category in self._categories},
                    "nudge": {action: self._cart.share(segment, action) for action in segment.nudges},
                }
                for segment in hero.segments
            ],
        }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
