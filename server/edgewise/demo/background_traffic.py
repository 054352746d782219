"""Visitors who keep coming to the shop, a few a second, for as long as someone watches the scoreboard."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import takewhile
from typing import Never

from edgewise.demo.scoreboard import Scoreboard
from edgewise.demo.shopper_traffic import RETURN_RATE
from edgewise.demo.simulated_traffic import SimulatedTraffic
from edgewise.demo.simulated_visitors import SimulatedVisitor, generate_visitors
from edgewise.demo.tally import DemoTally

RATE = 15
"""Most visitors a second: of the row, and of the hero after the first burst."""

SHOPPERS_RATE = round(RATE / (1 - RETURN_RATE))
"""Most shoppers a second: those of the row, and those who visit only the cart."""

_HERO_SEED, _ROW_SEED = 2, 3


class BackgroundTraffic:
    """Sends visitors of the hero and of the row. `burst` is the tally of the first burst of visitors."""

    def __init__(self, hero: SimulatedTraffic, row: SimulatedTraffic, burst: DemoTally, board: Scoreboard) -> None:
        self._hero = hero
        self._row = row
        self._burst = burst
        self._board = board

    async def send_shoppers(self) -> Never:
        """Send visitors of the row until cancelled. The first burst includes them, so the row learns from the start."""
        visitors = generate_visitors(sys.maxsize, _ROW_SEED)
        while True:
            if not self._is_bursting:
                await self._board.until_watched()
            await self._row.send(self._while_useful(visitors), SHOPPERS_RATE)

    async def send_hero_visitors(self) -> Never:
        """Send visitors of the hero until cancelled."""
        visitors = generate_visitors(sys.maxsize, _HERO_SEED)
        while True:
            await self._board.until_watched()
            await self._hero.send(self._while_useful(visitors), RATE)

    def _while_useful(self, visitors: Iterator[SimulatedVisitor]) -> Iterator[SimulatedVisitor]:
        return takewhile(lambda _: self._is_bursting or self._board.is_watched, visitors)

    @property
    def _is_bursting(self) -> bool:
        return self._burst.arrived < self._burst.planned
