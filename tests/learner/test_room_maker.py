from __future__ import annotations

import pytest

from edgewise.ids.visitor import anonymous_digest
from edgewise.learner.room_maker import RoomMaker
from edgewise.store import Store
from edgewise.types import PolicyRef
from tests.valkey import Valkey

DAY = 24 * 3600 * 1000
REF = PolicyRef("shop", "hero")


async def fill(store: Store, days: int, count: int = 300) -> None:
    """Write profiles of 4 KB that expire after this many days."""
    for number in range(count):
        visitor = anonymous_digest(f"{days} {number}")
        assert await store.profiles.compare_and_set("shop", visitor, None, b"p" * 4000, days * DAY)


async def kept(store: Store, days: int, count: int = 300) -> int:
    records = [await store.profiles.read("shop", anonymous_digest(f"{days} {number}")) for number in range(count)]
    return sum(record is not None for record in records)


async def test_a_store_with_room_keeps_everything(store: Store) -> None:
    await fill(store, 1)
    assert await RoomMaker(store, 1 << 40).make_room(["shop"]) == 0
    assert await kept(store, 1) == 300


async def test_a_store_without_a_limit_keeps_everything(store: Store) -> None:
    await fill(store, 1)
    assert await RoomMaker(store, None).make_room(["shop"]) == 0


async def test_visitors_unused_for_the_longest_time_go_first_and_the_log_stays(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for days in (1, 3, 6, 360):
        await fill(store, days)
    await store.log.append(REF, b"x" * 100_000)
    used = (await store.memory.use()).used
    # Less than the profiles of one and of three days must go.
    limit = int((used - 1.5 * 300 * 4000) / 0.7)
    maker = RoomMaker(store, min(limit, int(used / 0.8)))
    assert await maker.make_room(["shop"]) == 600
    assert [await kept(store, days) for days in (1, 3, 6, 360)] == [0, 0, 300, 300]
    assert await store.log.length(REF) == 1
    assert caplog.messages == ["The store was nearly full. 600 visitors, unused for the longest time, were removed."]


async def test_active_visitors_and_the_log_are_never_removed(
    store: Store, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(store, 360, 20)
    await store.log.append(REF, b"x" * 100_000)
    maker = RoomMaker(store, 1000)
    for _ in range(2):
        assert await maker.make_room(["shop"]) == 0
    assert await kept(store, 360, 20) == 20
    (message,) = caplog.messages
    assert message.endswith("Raise --store-memory.")


async def test_old_message_ids_go_before_visitors(
    store: Store, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(store, 1, 20)
    for number in range(3000):
        valkey.execute(f"SET {{shop:hero}}:m:{number:016x} {'x' * 1000} PX {DAY}")
    used = (await store.memory.use()).used
    assert await RoomMaker(store, int(used / 0.81)).make_room(["shop"]) == 0
    assert await kept(store, 1, 20) == 20
    assert caplog.messages == ["shop: The store was nearly full. 3000 message ids older than an hour were removed."]
