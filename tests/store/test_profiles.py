from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgewise.store import Store, keys
from edgewise.store.profiles import LIMIT_BYTES

VISITOR = b"visitor1"
HOUR = 3_600_000


async def test_a_profile_is_written_only_over_what_its_writer_read(store: Store) -> None:
    profiles = store.profiles
    assert await profiles.read("shop", VISITOR) is None
    assert not await profiles.compare_and_set("shop", VISITOR, b"something", b"one", HOUR)
    assert await profiles.compare_and_set("shop", VISITOR, None, b"one", HOUR)
    assert not await profiles.compare_and_set("shop", VISITOR, None, b"two", HOUR)
    assert await profiles.compare_and_set("shop", VISITOR, b"one", b"two", HOUR)
    assert await profiles.read("shop", VISITOR) == b"two"
    assert await profiles.read("other", VISITOR) is None


async def test_of_racing_writers_one_wins(store: Store) -> None:
    writes = [store.profiles.compare_and_set("shop", VISITOR, None, b"%d" % n, HOUR) for n in range(10)]
    assert (await asyncio.gather(*writes)).count(True) == 1


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=st.binary(min_size=1, max_size=LIMIT_BYTES))
async def test_any_bytes_survive(store: Store, profile: bytes) -> None:
    old = await store.profiles.read("shop", VISITOR)
    assert await store.profiles.compare_and_set("shop", VISITOR, old, profile, HOUR)
    assert await store.profiles.read("shop", VISITOR) == profile


async def test_every_write_sets_the_time_to_live(store: Store) -> None:
    deadline = asyncio.get_running_loop().time() + 5
    await store.profiles.compare_and_set("shop", VISITOR, None, b"one", HOUR)
    await store.profiles.compare_and_set("shop", VISITOR, b"one", b"two", 2 * HOUR)
    left = await store.pipeline.submit(("PTTL", keys.profile("shop", VISITOR)), deadline)
    assert 2 * HOUR - 5000 <= left <= 2 * HOUR


@pytest.mark.parametrize("size", [0, LIMIT_BYTES + 1])
async def test_an_empty_or_oversized_profile_is_refused(store: Store, size: int) -> None:
    with pytest.raises(ValueError, match=f"Expected 1 to {LIMIT_BYTES} bytes, found {size}"):
        await store.profiles.compare_and_set("shop", VISITOR, None, b"x" * size, HOUR)
    assert await store.profiles.read("shop", VISITOR) is None


async def test_a_deleted_profile_is_gone(store: Store) -> None:
    await store.profiles.compare_and_set("shop", VISITOR, None, b"one", HOUR)
    assert await store.profiles.delete("shop", VISITOR)
    assert await store.profiles.read("shop", VISITOR) is None
    assert not await store.profiles.delete("shop", VISITOR)
