"""The crowd: visitors who keep coming to the shop, a few a second, for as long as somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import takewhile
from typing import Never

from edgewise.demo.scoreboard import Board
from edgewise.demo.shoppers import RETURNS
from edgewise.demo.simulated_traffic import Traffic
from edgewise.demo.simulated_visitors import Visitor, arriving
from edgewise.demo.tally import Tally

RATE = 15
"""Visitors a second, at most: of the hero once the first burst is over, and of the row."""

SHOPPERS_RATE = round(RATE / (1 - RETURNS))
"""Of the row, and of the cart alone."""

_HERO_SEED, _ROW_SEED = 2, 3


class Crowd:
    """`hero` and `row` send visitors; `burst` counts those of the first burst. `board` knows whether somebody looks."""

    def __init__(self, hero: Traffic, row: Traffic, burst: Tally, board: Board) -> None:
        self._hero = hero
        self._row = row
        self._burst = burst
        self._board = board

    async def shops(self) -> Never:
        """Send visitors of the row, for ever: during the first burst, too, so that it learns before anybody looks."""
        visitors = arriving(sys.maxsize, _ROW_SEED)
        while True:
            if not self._is_bursting:
                await self._board.until_watched()
            await self._row.send(self._while_worth_it(visitors), SHOPPERS_RATE)

    async def lingers(self) -> Never:
        """Send visitors of the hero, for ever."""
        visitors = arriving(sys.maxsize, _HERO_SEED)
        while True:
            await self._board.until_watched()
            await self._hero.send(self._while_worth_it(visitors), RATE)

    def _while_worth_it(self, visitors: Iterator[Visitor]) -> Iterator[Visitor]:
        return takewhile(lambda _: self._is_bursting or self._board.is_watched, visitors)

    @property
    def _is_bursting(self) -> bool:
        return self._burst.came < self._burst.planned
