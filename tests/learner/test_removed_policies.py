from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from edgewise.entries import Tick, Version, decode
from edgewise.errors import StoreUnavailable
from edgewise.learner import process
from edgewise.learner.process import Learner
from edgewise.learner.removed_policies import LONGEST_WINDOW, RemovedPolicies
from edgewise.learner.retention import Retention
from edgewise.settings import Settings
from edgewise.sites import Site, encode_sites
from edgewise.store import Store, keys
from edgewise.store.connection import Client
from edgewise.types import PolicyRef
from tests.eventually import eventually
from tests.learner.published_policy import DAY, REF, PublishedPolicy, learner, read, settle
from tests.valkey import Valkey

OTHER = PolicyRef("shop", "other")
RETENTION = 30 * DAY


def ttls(valkey: Valkey, ref: PolicyRef) -> set[int]:
    """The TTLs of the policy's keys in whole days, -1 without one."""
    found = valkey.execute(f"KEYS {{{ref.site}:{ref.placement}}}:*")
    names = [name for name in found.split() if name.startswith("{")]
    assert keys.current(ref) in names
    return {round(int(valkey.execute(f"PTTL {name}").lstrip(":")) / DAY) for name in names}


async def publish_sites(store: Store, *placements: str) -> None:
    sites = [Site("shop", "shop", (), placements)] if placements else []
    await store.registry.publish_sites(encode_sites(sites))


@pytest.fixture
async def policy(store: Store) -> PublishedPolicy:
    """A policy with a model, beside another one."""
    await PublishedPolicy(store, ref=OTHER).publish()
    policy = PublishedPolicy(store)
    await policy.publish()
    await policy.visit(4)
    await settle(store, learner(store))
    await publish_sites(store, "hero", "other")
    return policy


async def test_keys_of_a_removed_policy_expire_and_those_of_others_stay(
    store: Store, valkey: Valkey, policy: PublishedPolicy
) -> None:
    removed = RemovedPolicies(store, RETENTION)
    await publish_sites(store, "other")
    await removed.check()
    assert ttls(valkey, REF) == {(RETENTION + LONGEST_WINDOW) // DAY}
    assert ttls(valkey, OTHER) == {0}, "no TTL"
    assert (removed.refs, removed.sites) == (frozenset({REF}), {"shop"})


async def test_a_policy_that_comes_back_goes_on_with_its_model(
    store: Store, valkey: Valkey, policy: PublishedPolicy
) -> None:
    await publish_sites(store, "other")
    await RemovedPolicies(store, RETENTION).check()
    before = await store.checkpoints.read(REF)
    await policy.publish()
    assert ttls(valkey, REF) == {0}
    one = learner(store)
    await policy.visit(4)
    after = await settle(store, one)
    assert before is not None
    assert after.model_version > before.model_version
    assert one.fold is not None
    assert one.fold.statistics.learned == 8


async def test_nothing_expires_in_a_store_without_a_registry(store: Store, valkey: Valkey) -> None:
    await PublishedPolicy(store).publish()
    valkey.execute(f"DEL {keys.SITES}")
    await RemovedPolicies(store, RETENTION).check()
    assert ttls(valkey, REF) == {0}


async def test_a_policy_that_comes_back_during_the_check_is_kept(
    store: Store, valkey: Valkey, policy: PublishedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed, expire = RemovedPolicies(store, RETENTION), store.policy_expiry.expire

    async def expire_late(ref: PolicyRef, after: int) -> bool:
        await publish_sites(store, "hero", "other")
        return await expire(ref, after)

    monkeypatch.setattr(store.policy_expiry, "expire", expire_late)
    await publish_sites(store, "other")
    await removed.check()
    assert ttls(valkey, REF) == {0}
    assert removed.refs == frozenset()


async def interrupted(monkeypatch: pytest.MonkeyPatch, commands: int, work: Callable[[], Awaitable[Any]]) -> bool:
    """Do the work until it has sent so many commands. Returns whether it was complete before."""
    left, execute, execute_all = iter(range(commands)), Client.execute, Client.execute_all

    async def limited(self: Client, command: Any) -> Any:
        if next(left, None) is None:
            raise StoreUnavailable("Killed.")
        return await (execute_all if isinstance(command, list) else execute)(self, command)

    with monkeypatch.context() as patched:
        patched.setattr(Client, "execute", limited)
        patched.setattr(Client, "execute_all", limited)
        try:
            await work()
        except StoreUnavailable:
            return False
    return True


async def test_no_key_of_a_served_policy_has_a_ttl_whenever_the_learner_or_the_publisher_is_killed(
    store: Store, valkey: Valkey, policy: PublishedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = RemovedPolicies(store, RETENTION).check
    for commands in count():
        await publish_sites(store, "other")
        is_complete = await interrupted(monkeypatch, commands, check)
        assert ttls(valkey, OTHER) == {0}
        await policy.publish()
        assert ttls(valkey, REF) == {0}
        if is_complete:
            break
    for commands in count():
        await publish_sites(store, "other")
        await check()
        if await interrupted(monkeypatch, commands, policy.publish):
            break
        is_served = b"hero" in (await store.registry.sites() or b"")
        assert not is_served
    assert ttls(valkey, REF) == {0}


async def test_a_learner_lets_the_last_policy_expire_and_keeps_it_when_it_comes_back(
    store: Store, valkey: Valkey, policy: PublishedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "READ_EVERY", 0.01)
    stop = asyncio.Event()
    task = asyncio.create_task(Learner(store, Settings()).run(stop))

    async def hero_expires() -> bool:
        return ttls(valkey, REF) == {37}

    async def hero_stays() -> bool:
        return ttls(valkey, REF) == {0}

    try:
        await eventually(hero_stays)
        await publish_sites(store)
        await eventually(hero_expires)
        await publish_sites(store, "hero")
        await eventually(hero_stays)
    finally:
        stop.set()
        await task


async def test_history_of_a_removed_policy_goes_and_its_model_stays(store: Store, policy: PublishedPolicy) -> None:
    await store.checkpoints.raise_epoch(REF)  # As a learner does that had nothing to publish after it.
    before = await store.log.length(REF)
    await Retention(store, RETENTION).remove_history_of_removed(REF)
    assert await store.log.length(REF) < before
    one = learner(store)
    while await read(store, one) or one.fold is None:
        pass
    assert one.fold.statistics.learned == 4


async def test_an_erasure_that_waits_for_a_removed_site_is_completed(
    store: Store, valkey: Valkey, policy: PublishedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "READ_EVERY", 0.01)
    monkeypatch.setattr(process, "ERASE_EVERY", 0.01)
    await store.erasures.add("shop", [b"visitor1"], 0)
    await store.registry.publish_sites(encode_sites([Site("other", "other", (), ())]))
    stop = asyncio.Event()
    task = asyncio.create_task(Learner(store, Settings()).run(stop))

    async def is_erased() -> bool:
        return not (await store.erasures.pending(["shop"]))["shop"].holds([b"visitor1"])

    try:
        await eventually(is_erased)
    finally:
        stop.set()
        await task
    (entries,) = [page async for page in store.log.pages(REF)]
    assert {type(decode(data)) for _, data in entries} == {Version, Tick}
    assert ttls(valkey, REF) == {37}
