"""The whole store against a cluster of three nodes on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from edgewise.errors import StoreTimeout
from edgewise.store import Checkpoint, Store
from edgewise.types import BEGINNING, PolicyRef, StreamId
from tests.cluster import RANGES, REFS, Cluster, slot
from tests.store.test_pipeline import is_overdue


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[Store]:
    for node in cluster.nodes:
        node.execute("FLUSHALL")
    store = await Store.connect(cluster.url)
    yield store
    await store.close()


def within(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_logs_of_all_nodes_are_read_at_once(store: Store) -> None:
    ids = [await store.log.append(ref, b"e") for ref in REFS]
    pages = await store.log.read(dict.fromkeys(REFS, BEGINNING), 10)
    assert [pages[ref].entries for ref in REFS] == [[(id, b"e")] for id in ids]
    for ref, id in zip(REFS, ids, strict=True):
        assert pages[ref].now >= id.ms
        assert await store.log.size_bytes(ref) > 0
        assert await store.log.trim(ref, StreamId(id.ms, id.seq + 1)) == 1


async def test_every_script_keeps_to_one_slot(store: Store) -> None:
    for ref in REFS:
        assert await store.log.append_event(ref, b"message1", b"e") is not None
        assert await store.log.append_event(ref, b"message1", b"e") is None
        assert await store.versions.publish(ref, b"version1", b"shape001", b"blob", b"e")
        assert await store.versions.publish(ref, b"version2", b"shape001", b"blob", b"e")
        assert not await store.versions.ensure_blob(ref, b"version1", b"blob")
        assert await store.versions.expire_blobs(ref, ()) == 1
        epoch = await store.checkpoints.raise_epoch(ref)
        checkpoint = Checkpoint(
            epoch=epoch,
            position=StreamId(2, 0),
            read_again=BEGINNING,
            shape=b"shape001",
            shape_since=BEGINNING,
            policy_version=b"version2",
            oldest_close=0,
            newest_close=0,
            model=b"model",
            statistics=b"",
        )
        assert await store.checkpoints.write(ref, checkpoint) == 1
        await store.checkpoints.write_base(ref, checkpoint)
        assert await store.checkpoints.drop_bases(ref, StreamId(3, 0), epoch) == 1
    assert set(await store.versions.current(REFS)) == set(REFS)
    assert set(await store.checkpoints.heads(REFS)) == set(REFS)
    for ref in REFS:
        await store.log_rewrite.begin(ref)
        await store.log_rewrite.write(ref, [])
        await store.log_rewrite.replace_log(ref, BEGINNING, serve_on=False)
    assert await store.checkpoints.heads(REFS) == {}
    assert await store.profiles.compare_and_set("shop", b"visitor1", None, b"profile", 1000)
    assert await store.registry.publish_sites(b"sites") == 1
    assert await store.registry.decision_keys(b"ring") == b"ring"


async def test_a_scan_finds_what_is_on_any_node(store: Store) -> None:
    visitors = [b"visitor%d" % number for number in range(10)]
    for visitor in visitors:
        assert await store.profiles.compare_and_set("shop", visitor, None, b"profile", 60_000)
    for ref in REFS:
        await store.log.append(ref, b"e")
    assert {visitor async for visitor, _ in store.profiles.all("shop")} == set(visitors)
    assert await store.log.of_site("shop") == set(REFS)
    assert await store.log.of_site("other") == set()


async def test_pipeline_reaches_every_node(store: Store) -> None:
    commands = [store.log.append_command(ref, b"e") for ref in REFS * 10]
    commands += [store.log.append_event_command(ref, b"message1", b"event") for ref in REFS * 2]
    replies = await asyncio.gather(*(store.pipeline.submit(command, within(5)) for command in commands))
    assert replies[30:].count(None) == 3
    assert [await store.log.length(ref) for ref in REFS] == [11, 11, 11]


async def test_hanging_node_delays_only_its_own_keys(store: Store, cluster: Cluster) -> None:
    await asyncio.gather(*(store.pipeline.submit(store.log.append_command(ref, b"e"), within(5)) for ref in REFS))
    cluster.nodes[0].freeze()
    try:
        lasting = store.pipeline.submit(store.log.append_command(REFS[0], b"e"), within(5))
        with pytest.raises(StoreTimeout):
            await store.pipeline.submit(store.log.append_command(REFS[0], b"e"), within(0.06))
        await is_overdue(store)
        with pytest.raises(StoreTimeout, match="an earlier flush has no reply"):
            store.pipeline.submit(store.log.append_command(REFS[0], b"e"), within(5))
        for ref in REFS[1:]:
            await store.pipeline.submit(store.log.append_command(ref, b"e"), within(5))
    finally:
        # A frozen node would block the next test for ever.
        cluster.nodes[0].thaw()
    await lasting
    assert not store.pipeline.overdue


async def test_keys_that_moved_to_another_node_are_found(store: Store, cluster: Cluster) -> None:
    await asyncio.gather(*(store.pipeline.submit(store.log.append_command(ref, b"e"), within(5)) for ref in REFS))
    moved = PolicyRef("shop", "moved")
    target = (next(node for node, slots in enumerate(RANGES) if slot(moved) in slots) + 1) % len(RANGES)
    node_id = cluster.nodes[target].execute("CLUSTER MYID").split()[1]
    for node in cluster.nodes:
        node.execute(f"CLUSTER SETSLOT {slot(moved)} NODE {node_id}")
    await store.pipeline.submit(store.log.append_command(moved, b"through the lane"), within(5))
    await store.log.append(moved, b"through the client")
    page = (await store.log.read({moved: BEGINNING}, 10))[moved]
    assert [entry for _, entry in page.entries] == [b"through the lane", b"through the client"]


async def test_installation_with_a_prefix_works_with_the_documented_user_only(cluster: Cluster) -> None:
    rules = "~shop:* -@all +@read +@write +@scripting +@connection +info +time +memory|usage +cluster|slots"
    for node in cluster.nodes:
        node.execute("FLUSHALL")
        node.execute(f"ACL SETUSER shop reset on >s%cret {rules}")
    url = cluster.url.replace("redis+cluster://", "redis+cluster://shop:s%25cret@")
    store = await Store.connect(url, key_prefix="shop:")
    await store.check()
    await store.registry.publish_sites(b"sites")
    for ref in REFS:
        last = await store.log.append(ref, b"one")
        assert await store.log.append_event(ref, b"message1", b"two") is not None
        epoch = await store.checkpoints.raise_epoch(ref)
        await store.pipeline.submit(store.log.append_command(ref, b"three"), asyncio.get_running_loop().time() + 5)
        assert len((await store.log.read({ref: last}, 9))[ref].entries) == 3
        assert epoch > 0
    assert await store.log.of_site("shop") == set(REFS)
    await store.close()
