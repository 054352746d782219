"""The TTL of removed policies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from edgewise.store import Store, keys
from edgewise.types import BEGINNING, PolicyRef

DAY = 24 * 3600 * 1000
V1, V2, SHAPE = b"version1", b"version2", b"shape001"


async def ttls(store: Store, names: Sequence[str]) -> list[int]:
    """The TTL of each key in milliseconds, -1 without one."""
    deadline = asyncio.get_running_loop().time() + 5
    return [int(await store.pipeline.submit(("PTTL", name), deadline)) for name in names]


def keys_of(ref: PolicyRef) -> list[str]:
    return [keys.current(ref), keys.log(ref), keys.versions(ref), keys.checkpoint(ref), keys.blob(ref, V1)]


@pytest.fixture
async def policy(store: Store, ref: PolicyRef) -> PolicyRef:
    await store.versions.publish(ref, V1, SHAPE, b"blob", b"entry")
    await store.checkpoints.raise_epoch(ref)
    return ref


async def test_all_keys_of_a_policy_expire_together_and_are_kept_together(store: Store, policy: PolicyRef) -> None:
    assert await store.policy_expiry.stored() == {policy}
    assert await store.policy_expiry.expire(policy, DAY)
    assert all(0 < left <= DAY for left in await ttls(store, keys_of(policy)))
    assert await store.policy_expiry.keep(policy)
    assert set(await ttls(store, keys_of(policy))) == {-1}
    assert not await store.policy_expiry.keep(policy)


async def test_a_second_call_does_not_put_the_time_off_and_finds_new_keys(store: Store, policy: PolicyRef) -> None:
    await store.policy_expiry.expire(policy, DAY)
    await store.versions.ensure_blob(policy, V2, b"late")
    assert not await store.policy_expiry.expire(policy, 9 * DAY)
    assert all(0 < left <= DAY for left in await ttls(store, [*keys_of(policy), keys.blob(policy, V2)]))


async def test_publishing_keeps_every_key_before_the_policy_is_current(store: Store, policy: PolicyRef) -> None:
    await store.policy_expiry.expire(policy, DAY)
    assert await store.versions.publish(policy, V2, SHAPE, b"new", b"entry")
    assert set(await ttls(store, [*keys_of(policy), keys.blob(policy, V2)])) == {-1}
    assert len((await store.log.read({policy: BEGINNING}, 10))[policy].entries) == 2


async def test_keeping_a_served_policy_leaves_its_old_versions_to_expire(store: Store, policy: PolicyRef) -> None:
    await store.versions.publish(policy, V2, SHAPE, b"new", b"entry")
    await store.versions.expire_blobs(policy, ())
    assert not await store.policy_expiry.keep(policy)
    assert (await ttls(store, [keys.blob(policy, V1)]))[0] > 0


async def test_an_expired_policy_leaves_no_key(store: Store, policy: PolicyRef) -> None:
    await store.policy_expiry.expire(policy, 1)
    while await store.policy_expiry.stored():
        pass
    assert set(await ttls(store, keys_of(policy))) == {-2}
    assert not await store.policy_expiry.expire(policy, DAY)


async def test_an_erasure_does_not_put_the_time_off(store: Store, policy: PolicyRef) -> None:
    await store.policy_expiry.expire(policy, DAY)
    ((id, entry),) = (await store.log.read({policy: BEGINNING}, 1))[policy].entries
    await store.log_rewrite.write(policy, [(id, entry)])
    await store.log_rewrite.replace_log(policy, id, serve_on=False)
    assert all(DAY - 60_000 < left <= DAY for left in await ttls(store, keys_of(policy)))


async def test_what_a_removed_site_has_without_a_policy_expires_too(store: Store) -> None:
    await store.erasures.add("shop", [b"visitor1"], DAY)
    names = [keys.erasures("shop")]
    for after in (DAY, 9 * DAY):
        await store.policy_expiry.expire_site("shop", after)
        assert 0 < (await ttls(store, names))[0] <= DAY
    await store.policy_expiry.keep_sites("shop", "other")
    assert await ttls(store, names) == [-1]


async def test_expiring_policies_are_found_together(store: Store, policy: PolicyRef) -> None:
    other = PolicyRef("shop", "other")
    await store.versions.publish(other, V1, SHAPE, b"blob", b"entry")
    await store.policy_expiry.expire(other, DAY)
    assert await store.policy_expiry.expiring([policy, other, PolicyRef("shop", "unknown")]) == [other]
