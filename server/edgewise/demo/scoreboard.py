"""The board: what the bar below the shop's pages tells of what was learned so far, and whether somebody looks at it."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from edgewise.demo.catalogue import catalogue
from edgewise.demo.tally import Tally
from edgewise.demo.vitals import Watch

LOOKED = 20.0
"""Seconds for which somebody who has asked is taken to be looking still: hidden tabs ask less often."""


class Board:
    """Tells of the visitors of the hero, of the row and of the cart, as three tallies have counted them."""

    def __init__(self, hero: Tally, row: Tally, cart: Tally, watch: Watch) -> None:
        self._categories = catalogue().categories
        self._hero = hero
        self._row = row
        self._cart = cart
        self._watch = watch
        self._is_watched = asyncio.Event()
        self._nobody: asyncio.TimerHandle | None = None

    def looked(self) -> dict[str, Any]:
        """What there is to see, for somebody who looks now."""
        self._is_watched.set()
        if self._nobody is not None:
            self._nobody.cancel()
        self._nobody = asyncio.get_running_loop().call_later(LOOKED, self._is_watched.clear)
        return self.told()

    @property
    def is_watched(self) -> bool:
        return self._is_watched.is_set()

    async def until_watched(self) -> None:
        """Wait until somebody looks; returns at once while somebody does."""
        await self._is_watched.wait()

    def told(self) -> dict[str, Any]:
        """How many came, how much better they fare than the control group, and what each segment is shown."""
        hero, row = self._hero, self._row
        return {
            "visitors": hero.came,
            "model": self._watch.vitals.model_version,
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
