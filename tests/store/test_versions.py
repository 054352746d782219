from __future__ import annotations

import asyncio

from edgewise.store import Current, Store, keys
from edgewise.types import BEGINNING, PolicyRef

V1, V2, V3 = b"version1", b"version2", b"version3"
SHAPE = b"shape001"
WEEK = 7 * 24 * 3600


async def ttl(store: Store, key: str) -> int:
    reply = await store.pipeline.submit(("TTL", key), asyncio.get_running_loop().time() + 5)
    return int(reply)


async def test_publishing_stores_the_blob_appends_the_entry_and_moves_current(store: Store, ref: PolicyRef) -> None:
    assert await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    [(id, entry)] = (await store.log.read({ref: BEGINNING}, 10))[ref].entries
    assert entry == b"entry"
    assert await store.versions.current([ref]) == {ref: Current(V1, SHAPE, id)}
    assert await store.versions.blob(ref, V1) == b"blob"


async def test_publishing_the_current_version_again_changes_nothing(store: Store, ref: PolicyRef) -> None:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    before = await store.versions.current([ref])
    assert not await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    assert await store.versions.current([ref]) == before
    assert await store.log.length(ref) == 1


async def test_a_release_that_gives_a_version_another_shape_announces_it_again(store: Store, ref: PolicyRef) -> None:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    assert await store.versions.publish(ref, V1, b"shape002", b"blob", b"entry")
    assert (await store.versions.current([ref]))[ref].shape == b"shape002"
    assert await store.log.length(ref) == 2


async def test_the_current_version_under_another_shape_is_announced_again(store: Store, ref: PolicyRef) -> None:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    assert await store.versions.publish(ref, V1, b"shape002", b"blob", b"entry")
    assert (await store.versions.current([ref]))[ref].shape == b"shape002"
    assert await store.log.length(ref) == 2


async def test_publishers_racing_with_one_version_append_one_entry(store: Store, ref: PolicyRef) -> None:
    won = await asyncio.gather(*(store.versions.publish(ref, V1, SHAPE, b"blob", b"entry") for _ in range(8)))
    assert won.count(True) == 1
    assert await store.log.length(ref) == 1


async def test_a_version_that_returns_is_announced_again(store: Store, ref: PolicyRef) -> None:
    for version in (V1, V2, V1):
        assert await store.versions.publish(ref, version, SHAPE, b"blob", version)
    entries = (await store.log.read({ref: BEGINNING}, 10))[ref].entries
    assert [entry for _, entry in entries] == [V1, V2, V1]


async def test_publishing_restores_a_lost_blob_of_the_current_version(store: Store, ref: PolicyRef) -> None:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    await store.pipeline.submit(("DEL", keys.blob(ref, V1)), asyncio.get_running_loop().time() + 5)
    assert not await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    assert await store.versions.blob(ref, V1) == b"blob"


async def test_only_policies_that_have_a_version_have_a_current_one(store: Store, ref: PolicyRef) -> None:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    assert set(await store.versions.current([PolicyRef("shop", "none"), ref])) == {ref}
    assert await store.versions.blob(ref, V2) is None


async def test_a_worker_writes_a_lost_blob_again_but_never_over_another(store: Store, ref: PolicyRef) -> None:
    assert await store.versions.ensure_blob(ref, V1, b"blob")
    assert not await store.versions.ensure_blob(ref, V1, b"another")
    assert await store.versions.blob(ref, V1) == b"blob"


async def test_unnamed_blobs_expire_in_seven_days(store: Store, ref: PolicyRef) -> None:
    for version in (V1, V2, V3):
        await store.versions.publish(ref, version, SHAPE, b"blob", b"entry")
    assert await store.versions.expire_blobs(ref, {V2}) == 1
    assert WEEK - 5 <= await ttl(store, keys.blob(ref, V1)) <= WEEK
    assert await ttl(store, keys.blob(ref, V2)) == -1
    assert await ttl(store, keys.blob(ref, V3)) == -1, "the current version must not expire"


async def test_expiring_blob_keeps_its_ttl_until_it_is_named_again(store: Store, ref: PolicyRef) -> None:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    await store.versions.publish(ref, V2, SHAPE, b"blob", b"entry")
    await store.versions.expire_blobs(ref, ())
    await store.pipeline.submit(("EXPIRE", keys.blob(ref, V1), 100), asyncio.get_running_loop().time() + 5)
    await store.versions.expire_blobs(ref, ())
    assert await ttl(store, keys.blob(ref, V1)) <= 100
    assert await store.versions.expire_blobs(ref, {V1}) == 0
    assert await ttl(store, keys.blob(ref, V1)) == -1


async def test_a_version_whose_blob_is_gone_is_forgotten(store: Store, ref: PolicyRef) -> None:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    await store.versions.publish(ref, V2, SHAPE, b"blob", b"entry")
    deadline = asyncio.get_running_loop().time() + 5
    await store.pipeline.submit(("DEL", keys.blob(ref, V1)), deadline)
    await store.versions.expire_blobs(ref, ())
    assert await store.pipeline.submit(("SMEMBERS", keys.versions(ref)), deadline) == [V2]
