from __future__ import annotations

import asyncio

import pytest

from edgewise.errors import StoreUnavailable
from edgewise.store import Store, keys
from edgewise.types import BEGINNING, PolicyRef, StreamId
from tests.store.lossy import lossy_proxy
from tests.valkey import Valkey

OTHER = PolicyRef("shop", "home-row")


async def test_entries_come_back_in_the_order_of_their_acknowledged_ids(store: Store, ref: PolicyRef) -> None:
    ids = [await store.log.append(ref, entry) for entry in (b"one", b"two", b"\x00\xff")]
    page = (await store.log.read({ref: BEGINNING}, 10))[ref]
    assert page.entries == list(zip(ids, [b"one", b"two", b"\x00\xff"], strict=True))
    assert ids == sorted(ids)


async def test_a_read_starts_at_its_id_inclusive_and_stops_at_its_count(store: Store, ref: PolicyRef) -> None:
    ids = [await store.log.append(ref, b"%d" % n) for n in range(5)]
    page = (await store.log.read({ref: ids[2]}, 2))[ref]
    assert page.entries == [(ids[2], b"2"), (ids[3], b"3")]


async def test_many_logs_are_read_at_once_each_from_its_own_id(store: Store, ref: PolicyRef) -> None:
    first, second = await store.log.append(ref, b"a"), await store.log.append(ref, b"b")
    other = await store.log.append(OTHER, b"c")
    pages = await store.log.read({ref: second, OTHER: BEGINNING, PolicyRef("shop", "none"): BEGINNING}, 10)
    assert {ref: page.entries for ref, page in pages.items()} == {
        ref: [(second, b"b")],
        OTHER: [(other, b"c")],
        PolicyRef("shop", "none"): [],
    }
    assert first < second


async def test_the_clock_that_a_read_returns_is_the_one_that_stamps_entries(store: Store, ref: PolicyRef) -> None:
    before = await store.log.append(ref, b"a")
    now = (await store.log.read({ref: BEGINNING}, 10))[ref].now
    after = await store.log.append(ref, b"b")
    assert before.ms <= now <= after.ms


async def test_reading_no_logs_asks_the_store_nothing(store: Store) -> None:
    assert await store.log.read({}, 10) == {}


async def test_an_event_is_appended_once_however_often_it_is_sent(store: Store, ref: PolicyRef) -> None:
    replies = await asyncio.gather(*(store.log.append_event(ref, b"message1", b"e") for _ in range(10)))
    assert len([id for id in replies if id is not None]) == 1
    assert await store.log.length(ref) == 1
    assert await store.log.append_event(ref, b"message2", b"e") is not None
    assert await store.log.append_event(OTHER, b"message1", b"e") is not None


async def test_a_message_is_remembered_for_seven_days(store: Store, ref: PolicyRef) -> None:
    await store.log.append_event(ref, b"message1", b"e")
    left = await store.pipeline.submit(("TTL", f"{{shop:home-hero}}:m:{b'message1'.hex()}"), soon())
    assert 7 * 24 * 3600 - 5 <= left <= 7 * 24 * 3600


async def test_an_append_whose_reply_is_lost_is_in_the_log_once(own_valkey: Valkey, ref: PolicyRef) -> None:
    async with lossy_proxy(own_valkey, losing=b"XADD") as proxy:
        store = await Store.connect(proxy.url)
        with pytest.raises(StoreUnavailable):
            await store.log.append(ref, b"through the client")
        with pytest.raises(StoreUnavailable):
            await store.pipeline.submit(store.log.append_command(ref, b"through the lane"), soon())
        assert proxy.lost == 2
        assert await store.log.length(ref) == 2
        await store.close()


async def test_first_and_last_id_name_the_ends_of_the_log(store: Store, ref: PolicyRef) -> None:
    assert await store.log.first_id(ref) is None
    assert await store.log.last_id(ref) is None
    ids = [await store.log.append(ref, b"e") for _ in range(3)]
    assert await store.log.first_id(ref) == ids[0]
    assert await store.log.last_id(ref) == ids[-1]


async def test_trimming_drops_exactly_what_is_before_the_id(store: Store, ref: PolicyRef) -> None:
    ids = [await store.log.append(ref, b"e") for _ in range(250)]
    assert await store.log.trim(ref, ids[77]) == 77
    assert await store.log.first_id(ref) == ids[77]
    assert await store.log.length(ref) == 173


async def test_deleting_drops_single_entries(store: Store, ref: PolicyRef) -> None:
    ids = [await store.log.append(ref, b"e") for _ in range(4)]
    assert await store.log.delete(ref, [ids[1], ids[3], StreamId(1, 1)]) == 2
    assert [id for id, _ in (await store.log.read({ref: BEGINNING}, 10))[ref].entries] == [ids[0], ids[2]]
    assert await store.log.delete(ref, []) == 0


async def test_the_size_follows_what_the_log_holds(store: Store, ref: PolicyRef) -> None:
    assert await store.log.size_bytes(ref) == 0
    for _ in range(200):
        await store.log.append(ref, b"x" * 1000)
    assert 200_000 <= await store.log.size_bytes(ref) <= 400_000


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


async def test_entry_at_a_time_ahead_of_the_clock_is_appended_unless_the_log_is_later(
    store: Store, ref: PolicyRef
) -> None:
    last = await store.log.append(ref, b"now")
    assert await store.log.append_at(ref, last.ms + 3_600_000, b"later")
    assert await store.log.append_at(ref, last.ms + 3_600_000, b"in the same millisecond")
    assert not await store.log.append_at(ref, last.ms, b"too early")
    ids = [id for id, _ in (await store.log.read({ref: last}, 10))[ref].entries]
    assert ids[1:] == [StreamId(last.ms + 3_600_000, 0), StreamId(last.ms + 3_600_000, 1)]


async def test_failure_to_append_at_a_time_is_raised(store: Store, ref: PolicyRef, valkey: Valkey) -> None:
    valkey.execute(f"SET {keys.log(ref)} text")
    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        await store.log.append_at(ref, 1, b"entry")
