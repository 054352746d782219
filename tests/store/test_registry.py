from __future__ import annotations

import asyncio

from edgewise.store import Store


async def test_before_anything_was_published_there_are_no_sites(store: Store) -> None:
    assert await store.registry.sites() is None
    assert await store.registry.revision() == 0


async def test_the_revision_grows_when_the_sites_change_and_only_then(store: Store) -> None:
    assert await store.registry.publish_sites(b"\x00one") == 1
    assert await store.registry.publish_sites(b"\x00one") == 1
    assert await store.registry.publish_sites(b"two") == 2
    assert await store.registry.revision() == 2
    assert await store.registry.sites() == b"two"


async def test_everybody_gets_the_decision_keys_of_whoever_came_first(store: Store) -> None:
    rings = await asyncio.gather(*(store.registry.decision_keys(b"ring %d" % n) for n in range(8)))
    assert len(set(rings)) == 1
    assert await store.registry.decision_keys(b"late") == rings[0]
