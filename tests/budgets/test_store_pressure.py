from __future__ import annotations

from edgewise.budgets.source_budgets import SourceBudgets
from edgewise.budgets.store_pressure import StorePressure
from edgewise.settings import Settings
from edgewise.store import Store
from tests.eventually import eventually


async def test_a_nearly_full_store_takes_no_invented_visitors(store: Store) -> None:
    used = (await store.memory.use()).used
    pressure = StorePressure(store, used * 10)
    refused: list[tuple[str, str]] = []
    budgets = SourceBudgets(store, Settings(), lambda site, name: refused.append((site, name)), pressure)
    await pressure.check()
    assert budgets.take("visitors", "shop", "198.51.100.1")
    full = StorePressure(store, int(used / 0.9))
    budgets = SourceBudgets(store, Settings(), lambda site, name: refused.append((site, name)), full)
    await full.check()
    assert not budgets.take("visitors", "shop", "198.51.100.1")
    assert budgets.take("messages", "shop", "198.51.100.1")
    assert refused == [("shop", "store")]


async def test_the_pressure_is_checked_in_the_background(store: Store) -> None:
    pressure = StorePressure(store, 1)

    async def is_high() -> bool:
        return pressure.is_high

    await pressure.start()
    try:
        await eventually(is_high)
    finally:
        await pressure.stop()


async def test_a_store_without_a_limit_is_never_full(store: Store) -> None:
    pressure = StorePressure(store, None)
    await pressure.check()
    assert not pressure.is_high
