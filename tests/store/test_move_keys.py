"""The script that moves an installation under a key prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from edgewise.ids.visitor import anonymous_digest
from edgewise.store import Store, keys
from tests.learner.published_policy import REF, PublishedPolicy, learner, settle

SCRIPT = Path(__file__).parents[2] / "docs" / "engineering" / "move-keys.lua"
VISITOR = anonymous_digest("ann")


@pytest.fixture
async def redis(store_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(store_url)
    yield client
    await client.aclose()


async def names_of_keys(redis: Redis) -> list[str]:
    return sorted(name if isinstance(name, str) else name.decode() for name in await redis.keys())


async def move(redis: Redis, prefix: str, idle: int = 60) -> int:
    """Run the script as if no server had used the installation for this many seconds."""
    if (sites := await redis.dump(keys.SITES)) is not None:
        await redis.restore(keys.SITES, 0, sites, replace=True, idletime=idle)
    moved: int = await redis.eval(SCRIPT.read_text(), 0, prefix)
    return moved


async def test_a_moved_installation_goes_on_under_its_prefix(store: Store, redis: Redis, store_url: str) -> None:
    policy = PublishedPolicy(store)
    await policy.publish()
    await policy.visit(4)
    before = await settle(store, learner(store))
    await store.profiles.compare_and_set("shop", VISITOR, None, b"profile", 60_000)
    decision_keys = await store.registry.decision_keys(b"a key")
    names = await names_of_keys(redis)
    assert await move(redis, "shop:") == len(names)
    assert await names_of_keys(redis) == ["shop:" + name for name in names]
    moved = await Store.connect(store_url, key_prefix="shop:")
    try:
        assert await moved.checkpoints.read(REF) == before
        assert await moved.registry.decision_keys(b"other") == decision_keys
        assert await moved.profiles.read("shop", VISITOR) == b"profile"
        assert 0 < await redis.pttl("shop:" + keys.profile("shop", VISITOR)) <= 60_000
        await PublishedPolicy(moved).visit(2)
        one = learner(moved)
        await settle(moved, one)
        assert one.fold is not None
        assert one.fold.statistics.learned == 6
    finally:
        await moved.close()


@pytest.mark.parametrize(
    ("prefix", "idle", "message"),
    [
        ("edgewise:", 60, "Choose another prefix"),
        ("", 60, "Choose another prefix"),
        ("a*", 60, "Choose another prefix"),
        ("taken:", 60, "The prefix has an installation already"),
        ("shop:", 0, "A server used the installation"),
    ],
)
async def test_a_refused_move_changes_nothing(store: Store, redis: Redis, prefix: str, idle: int, message: str) -> None:
    await PublishedPolicy(store).publish()
    await redis.hset("taken:" + keys.SITES, "sites", "others")
    before = await names_of_keys(redis)
    with pytest.raises(ResponseError, match=message):
        await move(redis, prefix, idle)
    assert await names_of_keys(redis) == before


async def test_a_store_without_an_installation_is_refused(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="Found no installation"):
        await move(redis, "shop:")
