from __future__ import annotations

import asyncio

import pytest

from edgewise.errors import StoreTimeout
from edgewise.events.visitor_locks import VisitorLocks

ANN, BEN, CAT = b"visitor1", b"visitor2", b"visitor3"


def in_a_minute() -> float:
    return asyncio.get_running_loop().time() + 60


async def test_holders_of_one_visitor_run_one_after_the_other_in_the_order_of_their_requests() -> None:
    locks, done = VisitorLocks(), []

    async def write(number: int) -> None:
        async with locks.hold("shop", [ANN], in_a_minute()):
            done.append(f"{number} begins")
            await asyncio.sleep(0)
            done.append(f"{number} ends")

    await asyncio.gather(*map(write, range(20)))
    assert done == [f"{number} {what}" for number in range(20) for what in ("begins", "ends")]


async def test_other_visitors_and_other_sites_do_not_wait() -> None:
    locks = VisitorLocks()
    others = (("shop", BEN), ("blog", ANN))
    async with locks.hold("shop", [ANN], in_a_minute()), asyncio.timeout(60):
        for site, visitor in others:
            async with locks.hold(site, [visitor], in_a_minute()):
                pass


async def test_holders_of_several_visitors_do_not_deadlock() -> None:
    locks = VisitorLocks()

    async def write(*visitors: bytes) -> None:
        async with locks.hold("shop", visitors, in_a_minute()):
            await asyncio.sleep(0)

    circle = ((ANN, BEN), (BEN, CAT), (CAT, ANN), (BEN, ANN, BEN))
    async with asyncio.timeout(60):
        await asyncio.gather(*(write(*visitors) for visitors in circle * 10))


async def test_holder_that_waits_too_long_fails_and_frees_its_locks() -> None:
    locks = VisitorLocks()
    async with locks.hold("shop", [BEN], in_a_minute()):
        with pytest.raises(StoreTimeout, match="shop: Other batches of the same visitor took too long"):
            async with locks.hold("shop", [ANN, BEN], asyncio.get_running_loop().time() + 0.01):
                raise AssertionError("The lock is held by another holder.")
        async with locks.hold("shop", [ANN], in_a_minute()):
            pass


async def test_unused_locks_are_freed() -> None:
    locks = VisitorLocks()
    for number in range(100):
        async with locks.hold("shop", [b"%08d" % number], in_a_minute()):
            assert len(locks._locks) == 1
    assert len(locks._locks) == 0
