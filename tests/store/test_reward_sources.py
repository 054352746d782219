from __future__ import annotations

import asyncio
import random

import pytest

from edgewise.store import Store
from edgewise.store.reward_sources import MOST_SOURCES, SERVER
from edgewise.types import PolicyRef
from tests.valkey import Valkey

REF = PolicyRef("shop", "hero")
DAY = 24 * 3600 * 1000
NOW = 20_000 * DAY + 1000


async def count(store: Store, *sources: bytes, now: int = NOW) -> None:
    deadline = asyncio.get_running_loop().time() + 60
    commands = [store.reward_sources.count_command(REF, source, now) for source in sources]
    await asyncio.gather(*[store.pipeline.submit(command, deadline) for command in commands])


async def share(store: Store, now: int = NOW) -> tuple[int, float, bool]:
    found = (await store.reward_sources.shares([REF], now))[REF]
    return found.rewards, round(found.share, 2), found.is_alarming


async def test_a_policy_without_rewards_has_no_alarm(store: Store) -> None:
    assert await share(store) == (0, 0.0, False)


async def test_few_addresses_with_most_rewards_raise_an_alarm(store: Store) -> None:
    await count(store, *(b"%08d" % number for number in range(60)))
    assert await share(store) == (60, 0.05, False)
    await count(store, *[b"attacker"] * 90)
    assert await share(store) == (150, 0.61, True)


async def test_a_few_rewards_raise_no_alarm(store: Store) -> None:
    await count(store, *[b"the only"] * 99)
    assert await share(store) == (99, 1.0, False)


async def test_a_server_with_the_secret_key_is_no_address(store: Store) -> None:
    await count(store, *[SERVER] * 200, b"one", b"two")
    assert await share(store) == (202, 0.01, False)
    await count(store, *[b"one", b"two", b"three"] * 100)
    assert await share(store) == (502, 0.6, True), "three addresses beside the server"


async def test_two_days_count(store: Store) -> None:
    await count(store, *[b"one"] * 60, now=NOW - DAY)
    await count(store, *[b"one"] * 60)
    assert await share(store) == (120, 1.0, True)
    assert await share(store, NOW + DAY) == (60, 1.0, False)


async def test_the_busiest_addresses_are_found_among_many_in_bounded_memory(store: Store, valkey: Valkey) -> None:
    sources = [b"%08d" % number for number in range(3000)] + [b"attacker"] * 6000
    random.Random(3).shuffle(sources)
    await count(store, *sources)
    rewards, found, is_alarming = await share(store)
    assert rewards == 9000
    assert 0.66 <= found <= 0.69
    assert is_alarming
    assert int(valkey.execute("ZCARD {shop:hero}:sources:20000")[1:]) == MOST_SOURCES


async def test_new_addresses_do_not_hide_those_that_return(store: Store) -> None:
    """The first address of those with the fewest rewards loses its place, and here that is one of the attackers."""
    fresh = [b"%08d" % number for number in range(MOST_SOURCES + 500)]
    rounds = [(b"\0one", b"\0two", b"\0three", one) for one in fresh[MOST_SOURCES:]]
    await count(store, *fresh[:MOST_SOURCES], *(source for sources in rounds for source in sources))
    rewards, found, is_alarming = await share(store)
    assert rewards == MOST_SOURCES + 2000
    assert found == pytest.approx(1500 / rewards, abs=3 / MOST_SOURCES)
    assert is_alarming


async def test_counts_expire_after_two_days(store: Store, valkey: Valkey) -> None:
    await count(store, b"one")
    await count(store, b"two")
    for key in ("sources", "rewards"):
        assert 0 < int(valkey.execute(f"PTTL {{shop:hero}}:{key}:20000")[1:]) <= 2 * DAY
