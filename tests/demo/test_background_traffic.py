from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from edgewise.demo import scoreboard as boards
from edgewise.demo.background_traffic import RATE, SHOPPERS_RATE, BackgroundTraffic
from edgewise.demo.scoreboard import Scoreboard
from edgewise.demo.server_status import StatusPoller
from edgewise.demo.simulated_traffic import SimulatedTraffic
from edgewise.demo.simulated_visitors import CLICK, ORDER, SEGMENTS, SimulatedVisitor, generate_visitors
from edgewise.demo.tally import DemoTally
from tests.eventually import eventually

WORTH = {(): 0.0, (CLICK,): 0.2, (CLICK, ORDER): 1.0}


class RecordedTraffic(SimulatedTraffic):
    """Records visitors instead of sending them."""

    def __init__(self) -> None:
        self.arrived: list[SimulatedVisitor] = []
        self.rates: set[float] = set()

    async def send(self, visitors: Iterable[SimulatedVisitor], rate: float) -> None:
        self.rates.add(rate)
        for visitor in visitors:
            self.arrived.append(visitor)
            await asyncio.sleep(0)


@pytest.fixture
def burst() -> DemoTally:
    return DemoTally(SEGMENTS, 2, WORTH)


@pytest.fixture
def cart() -> DemoTally:
    return DemoTally(SEGMENTS, 2, {})


@pytest.fixture
async def board(tmp_path: Path, burst: DemoTally, cart: DemoTally) -> AsyncIterator[Scoreboard]:
    (tmp_path / "secret-key").write_text("secret")
    async with httpx.AsyncClient() as client:
        yield Scoreboard(burst, DemoTally(SEGMENTS, 2, {}), cart, StatusPoller(client, tmp_path / "secret-key"))


@asynccontextmanager
async def running(background: BackgroundTraffic) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(background.send_shoppers()), asyncio.create_task(background.send_hero_visitors())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def yield_turns(count: int) -> None:
    """Let the other tasks run this many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_background_traffic_during_the_burst_goes_to_the_row_only(burst: DemoTally, board: Scoreboard) -> None:
    hero, row = RecordedTraffic(), RecordedTraffic()
    async with running(BackgroundTraffic(hero, row, burst, board)):
        await yield_turns(20)
        assert len(row.arrived) > 5
        assert hero.arrived == []
        burst.arrived = burst.planned
        await yield_turns(5)
        arrived = len(row.arrived)
        await yield_turns(20)
        assert len(row.arrived) == arrived


async def test_background_traffic_after_the_burst_comes_while_the_scoreboard_is_watched(
    burst: DemoTally, board: Scoreboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "WATCHED_SECONDS", 0.05)
    hero, row = RecordedTraffic(), RecordedTraffic()
    burst.arrived = burst.planned
    async with running(BackgroundTraffic(hero, row, burst, board)):
        await yield_turns(20)
        assert (hero.arrived, row.arrived) == ([], [])

        async def visitors_come() -> bool:
            board.watch()
            await yield_turns(20)
            return min(len(hero.arrived), len(row.arrived)) > 5

        await eventually(visitors_come)
        assert (hero.rates, row.rates) == ({RATE}, {SHOPPERS_RATE})

        async def visitors_stop() -> bool:
            arrived = len(hero.arrived), len(row.arrived)
            await yield_turns(20)
            return arrived == (len(hero.arrived), len(row.arrived))

        await eventually(visitors_stop)
    ids = [visitor.id for visitor in (*hero.arrived, *row.arrived)]
    assert len(ids) == len(set(ids))


def test_the_scoreboard_has_the_visitors_and_the_shares_of_each_segment(
    burst: DemoTally, cart: DemoTally, board: Scoreboard
) -> None:
    for visitor in generate_visitors(200, 1):
        burst.count_visitor()
        burst.count_decision(visitor, "policy", visitor.segment.favorite)
        burst.count_reaction(visitor, "policy", visitor.segment.favorite)
        cart.count_decision(visitor, "policy", "free-gift" if visitor.segment.likes == "wood" else "nothing")
    figures = board.figures()
    assert (figures["visitors"], figures["model"], figures["lift"], figures["control"]) == (200, 0, None, None)
    assert figures["policy"] == pytest.approx(burst.policy.mean)
    for segment, column in zip(SEGMENTS, figures["segments"], strict=True):
        assert (column["name"], column["hero"][segment.favorite]) == (segment.name, 1.0)
        assert sum(column["hero"].values()) == 1.0
        liked = "free-gift" if segment.likes == "wood" else "nothing"
        assert column["nudge"] == {action: float(action == liked) for action in segment.nudges}
        assert column["row"] == {"tea": 0.0, "coffee": 0.0, "linen": 0.0, "wood": 0.0}
