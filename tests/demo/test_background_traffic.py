from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from edgewise.demo import scoreboard as boards
from edgewise.demo.background_traffic import RATE, SHOPPERS_RATE, Crowd
from edgewise.demo.scoreboard import Board
from edgewise.demo.simulated_traffic import Traffic
from edgewise.demo.simulated_visitors import CLICK, ORDER, SEGMENTS, Visitor, arriving
from edgewise.demo.tally import Tally
from edgewise.demo.vitals import Watch
from tests.eventually import eventually

WORTH = {(): 0.0, (CLICK,): 0.2, (CLICK, ORDER): 1.0}


class Road(Traffic):
    """Where visitors come along, as fast as they are sent. They do nothing."""

    def __init__(self) -> None:
        self.came: list[Visitor] = []
        self.rates: set[float] = set()

    async def send(self, visitors: Iterable[Visitor], rate: float) -> None:
        self.rates.add(rate)
        for visitor in visitors:
            self.came.append(visitor)
            await asyncio.sleep(0)


@pytest.fixture
def burst() -> Tally:
    return Tally(SEGMENTS, 2, WORTH)


@pytest.fixture
def cart() -> Tally:
    return Tally(SEGMENTS, 2, {})


@pytest.fixture
async def board(tmp_path: Path, burst: Tally, cart: Tally) -> AsyncIterator[Board]:
    (tmp_path / "secret-key").write_text("secret")
    async with httpx.AsyncClient() as client:
        yield Board(burst, Tally(SEGMENTS, 2, {}), cart, Watch(client, tmp_path / "secret-key"))


@asynccontextmanager
async def going_on(crowd: Crowd) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(crowd.shops()), asyncio.create_task(crowd.lingers())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def turns(count: int) -> None:
    """Let everybody else go on, so often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_while_the_burst_lasts_the_row_has_visitors_and_the_hero_those_of_the_burst_only(
    burst: Tally, board: Board
) -> None:
    hero, row = Road(), Road()
    async with going_on(Crowd(hero, row, burst, board)):
        await turns(20)
        assert len(row.came) > 5
        assert hero.came == []
        burst.came = burst.planned
        await turns(5)
        came = len(row.came)
        await turns(20)
        assert len(row.came) == came


async def test_then_visitors_come_for_as_long_as_somebody_looks(
    burst: Tally, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "LOOKED", 0.05)
    hero, row = Road(), Road()
    burst.came = burst.planned
    async with going_on(Crowd(hero, row, burst, board)):
        await turns(20)
        assert (hero.came, row.came) == ([], [])

        async def they_come() -> bool:
            board.looked()
            await turns(20)
            return min(len(hero.came), len(row.came)) > 5

        await eventually(they_come)
        assert (hero.rates, row.rates) == ({RATE}, {SHOPPERS_RATE})

        async def they_stop() -> bool:
            came = len(hero.came), len(row.came)
            await turns(20)
            return came == (len(hero.came), len(row.came))

        await eventually(they_stop)
    ids = [visitor.id for visitor in (*hero.came, *row.came)]
    assert len(ids) == len(set(ids))


def test_the_board_tells_how_many_came_and_what_each_segment_is_shown(burst: Tally, cart: Tally, board: Board) -> None:
    for visitor in arriving(200, 1):
        burst.arrived()
        burst.decided(visitor, "policy", visitor.segment.favourite)
        burst.reacted(visitor, "policy", visitor.segment.favourite)
        cart.decided(visitor, "policy", "free-gift" if visitor.segment.likes == "wood" else "nothing")
    told = board.told()
    assert (told["visitors"], told["model"], told["lift"], told["control"]) == (200, 0, None, None)
    assert told["policy"] == pytest.approx(burst.policy.mean)
    for segment, column in zip(SEGMENTS, told["segments"], strict=True):
        assert (column["name"], column["hero"][segment.favourite]) == (segment.name, 1.0)
        assert sum(column["hero"].values()) == 1.0
        liked = "free-gift" if segment.likes == "wood" else "nothing"
        assert column["nudge"] == {action: float(action == liked) for action in segment.nudges}
        assert column["row"] == {"tea": 0.0, "coffee": 0.0, "linen": 0.0, "wood": 0.0}
