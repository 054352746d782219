from __future__ import annotations

import asyncio

import pytest

from edgewise.errors import StoreTimeout, StoreUnavailable
from edgewise.events.retry import Errand, Race
from edgewise.store import Store
from tests.valkey import Valkey


async def test_replies_come_in_the_order_of_the_commands(store_url: str) -> None:
    store = await Store.connect(store_url, patience=60)
    try:
        replies = await Errand(store, 60).acknowledged([("ECHO", str(number)) for number in range(200)])
        assert replies == [str(number).encode() for number in range(200)]
    finally:
        await store.close()


async def test_one_command_that_is_refused_fails_the_errand(store_url: str) -> None:
    store = await Store.connect(store_url, patience=60)
    try:
        with pytest.raises(StoreUnavailable, match="unknown command"):
            await Errand(store, 60).acknowledged([("PING",), ("MAKE", "tea"), ("PING",)])
    finally:
        await store.close()


async def test_an_errand_ends_at_its_time(store_url: str, valkey: Valkey) -> None:
    store = await Store.connect(store_url, patience=60)
    valkey.freeze()
    try:
        with pytest.raises(StoreTimeout):
            await Errand(store, 0.05).acknowledged([("PING",)])
    finally:
        valkey.thaw()
        await store.close()


async def test_a_race_is_run_again_until_there_is_no_time_left() -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    race = Race(began + 0.5, 0.5)
    with pytest.raises(StoreUnavailable, match=r"expected to write it between, within 0\.5 s"):
        await _run(race, began + 60)
    assert clock() >= began + 0.4


async def _run(race: Race, until: float) -> None:
    while asyncio.get_running_loop().time() < until:
        await race.lost()
