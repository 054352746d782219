"""Erasure where the store is a cluster: every node forgets, in memory and on its disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.learner.rebuild import rebuild
from edgewise.sites import Site, encode_sites
from edgewise.store import Store
from edgewise.store.exposures import CountedView, ExposureCommands
from edgewise.types import Digest
from tests.cluster import REFS, Cluster
from tests.eventually import eventually
from tests.learner.published_policy import POLICY, PublishedPolicy
from tests.learner.test_erasure import is_erased, learning
from tests.stored_bytes import read_files, read_store
from tests.valkey import Valkey

SITE = REFS[0].site
ANN = [user_digest("ann"), *(anonymous_digest(f"ann's device {number}") for number in range(8))]
BOB = [user_digest("bob"), *(anonymous_digest(f"bob's device {number}") for number in range(8))]
"""So many that there is one on each node."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # No compression, so that nothing hides from a look at the bytes.
    file = ("--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no")
    cluster = Cluster(*file, "--rdbcompression", "no")
    yield cluster
    cluster.close()


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[Store]:
    for node in cluster.nodes:
        node.execute("FLUSHALL")
    store = await Store.connect(cluster.url, patience=60)
    yield store
    await store.close()


async def come(store: Store, visitor: list[Digest]) -> None:
    """Give a visitor decisions, exposure, webhook messages and a profile."""
    user, *devices = visitor
    for ref in REFS:
        policy_log = PublishedPolicy(store, replace(POLICY, placement=ref.placement), ref)
        for device in devices:
            await policy_log.report(await policy_log.decide(visitor=(device, user)), "$click")
    for id in visitor:
        counted = [CountedView("visitor", "deal", 3)]
        commands = [
            ExposureCommands(SITE, id).reserve_command(
                "hero", ["visitor"], {"visitor": {}}, None, counted, b"k" * 12 + b"\0deal"
            ),
            store.webhook_queues.write_command(
                SITE, id, None, b"profile " + id, 60_000, {b"h:n": b"1"}, [b"message to " + id]
            ),
            store.webhook_queues.announce_command(SITE, id, 0),
        ]
        deadline = asyncio.get_running_loop().time() + 60
        assert await asyncio.gather(*(store.pipeline.submit(command, deadline) for command in commands)) == [1, 1, 1]


async def publish(store: Store) -> None:
    for ref in REFS:
        await PublishedPolicy(store, replace(POLICY, placement=ref.placement), ref).publish()
    site = Site(SITE, SITE, (), tuple(ref.placement for ref in REFS))
    await store.registry.publish_sites(encode_sites([site]))


def traces(held: bytes, visitor: list[Digest]) -> list[Digest]:
    return [id for id in visitor if id in held or id.hex().encode() in held]


async def test_erasure_covers_every_node_and_its_disk(store: Store, cluster: Cluster) -> None:
    await publish(store)
    await come(store, ANN)
    await come(store, BOB)
    for node in cluster.nodes:
        assert traces(read_store(node.url), ANN), "or nothing of theirs is there to be erased"
        assert set(ANN) == set(traces(read_files(node.path.parent), ANN)), "each log names them"
    async with learning(store):
        await store.erasures.add(SITE, [user_digest("ann")], 0)
        await eventually(lambda: is_erased(store))
    for node in cluster.nodes:
        assert traces(read_store(node.url), ANN) == []
        assert set(traces(read_store(node.url), BOB)) == set(BOB)

        async def is_gone(node: Valkey = node) -> bool:  # Valkey deletes the old files after it said it was done.
            return traces(read_files(node.path.parent), ANN) == []

        await eventually(is_gone)
    for ref in REFS:
        assert (await rebuild(store, ref)).equal
