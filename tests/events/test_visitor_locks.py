from __future__ import annotations

import asyncio

import pytest

from edgewise.errors import StoreTimeout
from edgewise.events.visitor_locks import Turns

ANN, BEN, CAT = b"visitor1", b"visitor2", b"visitor3"


def later() -> float:
    return asyncio.get_running_loop().time() + 60


async def test_one_visitor_s_turns_come_one_after_the_other_in_the_order_in_which_they_were_asked_for() -> None:
    turns, done = Turns(), []

    async def write(number: int) -> None:
        async with turns.of("shop", [ANN], later()):
            done.append(f"{number} begins")
            await asyncio.sleep(0)
            done.append(f"{number} ends")

    await asyncio.gather(*map(write, range(20)))
    assert done == [f"{number} {what}" for number in range(20) for what in ("begins", "ends")]


async def test_other_visitors_and_those_of_other_sites_need_not_wait() -> None:
    turns = Turns()
    others = (("shop", BEN), ("blog", ANN))
    async with turns.of("shop", [ANN], later()), asyncio.timeout(60):
        for site, visitor in others:
            async with turns.of(site, [visitor], later()):
                pass


async def test_turns_of_several_visitors_do_not_wait_for_each_other_in_a_circle() -> None:
    turns = Turns()

    async def write(*visitors: bytes) -> None:
        async with turns.of("shop", visitors, later()):
            await asyncio.sleep(0)

    circle = ((ANN, BEN), (BEN, CAT), (CAT, ANN), (BEN, ANN, BEN))
    async with asyncio.timeout(60):
        await asyncio.gather(*(write(*visitors) for visitors in circle * 10))


async def test_who_waits_too_long_is_told_so_and_holds_nobody_up() -> None:
    turns = Turns()
    async with turns.of("shop", [BEN], later()):
        with pytest.raises(StoreTimeout, match="visitor of shop"):
            async with turns.of("shop", [ANN, BEN], asyncio.get_running_loop().time() + 0.01):
                raise AssertionError("it is another one's turn")
        async with turns.of("shop", [ANN], later()):
            pass


async def test_nothing_is_kept_of_visitors_whom_nobody_waits_for() -> None:
    turns = Turns()
    for number in range(100):
        async with turns.of("shop", [b"%08d" % number], later()):
            assert len(turns._locks) == 1
    assert len(turns._locks) == 0
