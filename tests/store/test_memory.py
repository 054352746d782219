from __future__ import annotations

from edgewise.ids.visitor import anonymous_digest
from edgewise.store import Store
from edgewise.types import Digest, Milliseconds, PolicyRef
from tests.valkey import Valkey

DAY = 24 * 3600 * 1000


async def write(store: Store, name: str, ttl: Milliseconds, site: str = "shop") -> Digest:
    visitor = anonymous_digest(name)
    assert await store.profiles.compare_and_set(site, visitor, None, b"profile", ttl)
    return visitor


async def test_the_used_memory_is_read(store: Store) -> None:
    before = (await store.memory.use()).used
    await store.log.append(PolicyRef("shop", "hero"), b"x" * 5_000_000)
    use = await store.memory.use()
    assert use.used > before + 4_000_000
    assert use.maximum == 0


async def test_only_what_expires_within_the_time_is_evicted(store: Store) -> None:
    soon, later = await write(store, "soon", DAY), await write(store, "later", 3 * DAY)
    elsewhere = await write(store, "soon", DAY, "other")
    await store.log.append(PolicyRef("shop", "hero"), b"entry")
    assert await store.memory.evict("shop", 2 * DAY) == 1
    assert await store.profiles.read("shop", soon) is None
    assert await store.profiles.read("shop", later) == b"profile"
    assert await store.profiles.read("other", elsewhere) == b"profile"
    assert await store.log.length(PolicyRef("shop", "hero")) == 1


async def test_an_exposure_goes_with_its_visitor_and_without_a_profile_too(store: Store, valkey: Valkey) -> None:
    for name in ("a", "b"):
        for span in ("s", "d", "v"):
            valkey.execute(f"HSET {{shop:{anonymous_digest(name).hex()}}}:c:{span} f 1")
            valkey.execute(f"PEXPIRE {{shop:{anonymous_digest(name).hex()}}}:c:{span} {DAY}")
    await write(store, "a", DAY)
    assert await store.memory.evict("shop", 2 * DAY) >= 2
    assert valkey.execute("DBSIZE") == ":0\r\n"


async def test_only_message_ids_older_than_an_hour_are_forgotten(store: Store, valkey: Valkey) -> None:
    ref = PolicyRef("shop", "hero")
    for message in (b"message1", b"message2"):
        assert await store.log.append_event(ref, message, b"entry") is not None
    valkey.execute(f"PEXPIRE {{shop:hero}}:m:{b'message1'.hex()} {6 * DAY}")
    assert await store.memory.evict_messages("other") == 0
    assert await store.memory.evict_messages("shop") == 1
    assert await store.log.append_event(ref, b"message2", b"entry") is None
    assert await store.log.append_event(ref, b"message1", b"entry") is not None
