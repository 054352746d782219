from __future__ import annotations

import asyncio

from edgewise.store import Store


async def test_there_are_no_sites_before_the_first_publication(store: Store) -> None:
    assert await store.registry.sites() is None
    assert await store.registry.revision() == 0


async def test_the_revision_grows_only_with_changes_of_the_sites(store: Store) -> None:
    assert await store.registry.publish_sites(b"\x00one") == 1
    assert await store.registry.publish_sites(b"\x00one") == 1
    assert await store.registry.publish_sites(b"two") == 2
    assert await store.registry.revision() == 2
    assert await store.registry.sites() == b"two"


async def test_all_workers_get_the_decision_keys_of_the_first(store: Store) -> None:
    rings = await asyncio.gather(*(store.registry.decision_keys(b"ring %d" % n) for n in range(8)))
    assert len(set(rings)) == 1
    assert await store.registry.decision_keys(b"late") == rings[0]
