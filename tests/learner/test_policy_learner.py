from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from edgewise.entries import Outcome, Version, encode
from edgewise.errors import Fenced, StoreError
from edgewise.learner import policy_learner, retention, version_loader
from edgewise.learner.log_clock import TICK_EVERY
from edgewise.learner.rebuild import rebuild
from edgewise.policies.compiled_policy import encode_policy
from edgewise.policies.policy import Explore, Reward
from edgewise.store import Store
from edgewise.types import BEGINNING
from tests.learner.published_policy import DAY, POLICY, REF, PublishedPolicy, apply_retention, learner, read, settle


async def test_tick_closes_slots_while_the_log_is_quiet(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(4)
    checkpoint = await settle(store, one)
    assert one.fold is not None
    assert one.fold.statistics.learned == 4
    assert one.fold.statistics.policy.reward == 2.0
    assert checkpoint.oldest_close <= checkpoint.newest_close <= checkpoint.position.ms


@pytest.mark.parametrize("ahead", [5_000, 3_600_000, 40 * DAY])
async def test_windows_close_while_the_stores_clock_is_behind_the_log(store: Store, ahead: int) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.advance_clock(ahead)
    await policy_log.visit(6)
    await policy_log.decide()
    while await read(store, one) or one.fold is None or one.fold.open_decisions > 1:
        pass
    assert 0 < one.ahead <= ahead + 20 + 2 * TICK_EVERY, "log time passes as fast as any other"
    key = await policy_log.decide()
    await policy_log.report(key, "$click")
    async with asyncio.timeout(30):
        while one.fold.statistics.learned < 7:
            await read(store, one)
    assert one.fold.statistics.policy.reward == 4.0 + 1.0
    assert one.fold.statistics.unseen == 0
    assert await one.publish() is not None
    assert (await rebuild(store, REF)).equal


async def test_killed_learner_continues_a_log_ahead_of_the_clock(store: Store) -> None:
    policy_log, first = PublishedPolicy(store, replace(POLICY, reward=Reward(window=300))), learner(store)
    await policy_log.publish()
    await policy_log.advance_clock(3_600_000)
    await policy_log.visit(3)
    while await read(store, first):
        pass
    assert await first.publish() is not None
    del first
    second = learner(store)
    await policy_log.visit(3)
    await settle(store, second)
    assert second.fold is not None
    assert second.fold.statistics.learned == 6
    assert (await rebuild(store, REF)).equal


async def test_model_that_rests_between_visits_equals_a_fold_of_the_log(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_learner, "REST_AFTER", 0.0)
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    for _ in range(3):
        await policy_log.visit(4)
        await settle(store, one)
        await one.publish_if_due()
        assert one.fold is not None
        assert one.fold.is_resting
    rebuilt = await rebuild(store, REF)
    assert rebuilt.equal
    assert rebuilt.learned == 12


async def test_model_that_learns_does_not_rest(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(4)
    await settle(store, one)
    await one.publish_if_due()
    assert one.fold is not None
    assert not one.fold.is_resting


async def test_published_model_equals_a_fold_of_the_log(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(30)
    await settle(store, one)
    shares: list[float] = []
    rebuilt = await rebuild(store, REF, shares.append)
    assert rebuilt.equal
    assert rebuilt.learned == 30
    assert shares[-1] == 1.0


async def test_killed_learner_continues_from_its_checkpoint(store: Store) -> None:
    policy_log, first = PublishedPolicy(store, replace(POLICY, reward=Reward(window=DAY))), learner(store)
    await policy_log.publish()
    await policy_log.visit(10)
    await policy_log.advance_clock(DAY)
    await settle(store, first)
    key = await policy_log.decide()
    await policy_log.report(key)
    await read(store, first)
    assert await first.publish() is not None
    del first
    second = learner(store)
    await policy_log.report(key, "$click")
    await policy_log.visit(5)
    await policy_log.advance_clock(DAY)
    await settle(store, second)
    assert second.fold is not None
    assert second.fold.statistics.learned == 16
    assert second.fold.statistics.policy.reward == 6.0 + 1.0 + 3.0
    assert (await rebuild(store, REF)).equal


async def test_displaced_learner_writes_nothing(store: Store) -> None:
    policy_log, one, other = PublishedPolicy(store), learner(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(3)
    await settle(store, one)
    assert await other.start()
    await policy_log.visit(3)
    await read(store, one)
    with pytest.raises(Fenced, match="shop/hero"):
        await one.publish()


async def test_lost_writes_cause_a_new_fold_under_a_new_epoch(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(6)
    before = await settle(store, one)
    kept = await store.log.last_id(REF)
    await policy_log.visit(6)
    while await read(store, one):
        pass
    entries = (await store.log.read({REF: kept or BEGINNING}, 100))[REF].entries
    await store.log.delete(REF, [id for id, _ in entries[1:]])
    await policy_log.visit(1)
    after = await settle(store, one)
    assert after.epoch > before.epoch
    assert one.fold is not None
    assert one.fold.statistics.decisions == 7
    assert (await rebuild(store, REF)).equal


async def test_checkpoint_without_its_log_entries_is_not_used(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(6)
    checkpoint = await settle(store, one)
    await store.log.delete(REF, [checkpoint.position])
    await policy_log.visit(2)
    other = learner(store)
    await settle(store, other)
    assert other.fold is not None
    assert other.fold.statistics.decisions == 8
    assert (await rebuild(store, REF)).equal


async def test_edit_of_rewards_and_actions_keeps_the_model(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(6)
    before = await settle(store, one)
    await policy_log.publish(replace(POLICY, actions=POLICY.actions[:1], reward=replace(POLICY.reward, default=0.1)))
    key = await policy_log.decide()
    await policy_log.report(key)
    after = await settle(store, one)
    assert (after.epoch, after.shape) == (before.epoch, before.shape)
    assert after.policy_version == policy_log.version
    assert one.fold is not None
    assert one.fold.statistics.learned == 7
    assert (await rebuild(store, REF)).equal


async def test_edit_of_the_algorithm_folds_the_whole_log_again(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(6)
    before = await settle(store, one)
    await policy_log.publish(replace(POLICY, explore=Explore("epsilon")))
    await policy_log.visit(2)
    head = (await store.checkpoints.heads([REF]))[REF]
    assert head.shape == before.shape, "the old model is served until the new one is there"
    after = await settle(store, one)
    assert after.shape != before.shape
    assert after.epoch > before.epoch
    assert one.fold is not None
    assert one.fold.statistics.learned == 8
    assert (await rebuild(store, REF)).equal


async def test_algorithm_edited_back_without_a_learner_is_folded_once(
    store: Store,
) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(6)
    before = await settle(store, one)
    await policy_log.publish(replace(POLICY, explore=Explore("epsilon")))
    await policy_log.visit(2)
    await policy_log.publish(replace(POLICY, control_share=0.5))
    await policy_log.visit(2)
    async with asyncio.timeout(60):
        after = await settle(store, one)
    assert after.shape == before.shape
    assert after.policy_version == policy_log.version
    assert one.fold is not None
    assert one.fold.statistics.learned == 10
    assert (await rebuild(store, REF)).equal


async def test_incomplete_new_fold_is_not_published(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(20)
    await settle(store, one)
    await policy_log.publish(replace(POLICY, explore=Explore("epsilon")))
    await read(store, one)
    await read(store, one, count=10)
    assert await one.publish() is None
    await settle(store, one)


async def test_decision_with_a_missing_version_waits_and_is_learned(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await read(store, one)
    policy_log.policy = replace(POLICY, reward=Reward(window=30))
    key = await policy_log.decide()
    await policy_log.report(key)
    with pytest.raises(StoreError, match="the store lacks version"):
        await read(store, one)
    await policy_log.publish()
    await settle(store, one)
    assert one.fold is not None
    assert one.fold.statistics.learned == 1
    assert (await rebuild(store, REF)).equal


async def test_version_of_another_release_is_not_folded(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    blob, entry = encode_policy(POLICY), encode(Version(policy_log.version, b"theirs!!"))
    await store.versions.publish(REF, policy_log.version, b"theirs!!", blob, entry)
    with pytest.raises(StoreError, match="The server is of another release"):
        await one.start()
    await policy_log.publish()
    await policy_log.visit(1)
    await settle(store, one)
    assert (await rebuild(store, REF)).equal


async def test_unreadable_entry_is_counted_and_skipped(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await store.log.append(REF, b"\xc1 never msgpack")
    await store.log.append(REF, encode(Outcome(b"?" * 12, 0, "$click", None, 0, b"message1")))
    await policy_log.visit(1)
    await settle(store, one)
    assert one.fold is not None
    assert (one.fold.statistics.unreadable, one.fold.statistics.closed, one.fold.statistics.learned) == (1, 1, 1)


async def test_log_over_its_limit_is_trimmed_and_can_be_rebuilt(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(200)
    await settle(store, one)
    await apply_retention(store, one, log_bytes=20_000)
    assert await store.log.size_bytes(REF) < 20_000
    await policy_log.visit(10)
    await settle(store, one)
    assert one.fold is not None
    assert one.fold.statistics.learned == 210
    assert (await rebuild(store, REF)).equal


async def test_log_over_its_limit_with_open_decisions_is_cut(store: Store) -> None:
    policy_log = PublishedPolicy(store, replace(POLICY, reward=Reward(window=600_000)))
    one = learner(store)
    await policy_log.publish()
    await policy_log.visit(200)
    while await read(store, one):
        pass
    await apply_retention(store, one, log_bytes=20_000)
    await read(store, one)
    await apply_retention(store, one, log_bytes=20_000)
    assert await store.log.size_bytes(REF) < 20_000
    assert one.fold is not None
    assert (one.fold.statistics.cut, one.fold.open_decisions) == (200, 0)
    assert await one.publish() is not None
    assert (await rebuild(store, REF)).equal


async def test_retention_moves_from_base_to_base(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BASE_EVERY", 1)
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    for _ in range(3):
        await policy_log.visit(5)
        await settle(store, one)
        await apply_retention(store, one, retention=1)
    bases = await store.checkpoints.bases(REF)
    assert len(bases) == 2, "the newest expired base, and the ones after it"
    oldest = await store.checkpoints.read_base(REF, bases[0])
    assert oldest is not None
    assert await store.log.first_id(REF) == oldest.read_again
    assert (await rebuild(store, REF)).equal


async def test_a_clock_that_was_ahead_removes_no_entries(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await policy_log.visit(5)
    await settle(store, one)
    first = await store.log.first_id(REF)
    await policy_log.advance_clock(40 * DAY)
    await policy_log.visit(5)
    await settle(store, one)
    await apply_retention(store, one)
    await policy_log.advance_clock(2 * DAY)
    await policy_log.visit(1)
    await settle(store, one)
    await apply_retention(store, one)
    assert len(await store.checkpoints.bases(REF)) == 2
    assert await store.log.first_id(REF) == first
    assert (await rebuild(store, REF)).equal


async def test_log_with_more_versions_than_are_kept_is_folded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_loader, "MAX_LOADED", 1)
    policy_log, one = PublishedPolicy(store), learner(store)
    for share in (0.1, 0.2, 0.1, 0.2):
        await policy_log.publish(replace(POLICY, control_share=share))
        await policy_log.visit(3)
    await settle(store, one)
    rebuilt = await rebuild(store, REF)
    assert rebuilt.equal
    assert rebuilt.learned == 12


async def test_version_named_only_by_trimmed_entries_expires(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    first = policy_log.version
    await policy_log.visit(60)
    await policy_log.publish(replace(POLICY, control_share=0.1))
    await settle(store, one)
    await apply_retention(store, one, log_bytes=5_000)
    assert await store.versions.expire_blobs(REF, set()) == 1
    assert await store.versions.blob(REF, first) is not None, "it expires in a week"


async def test_rebuild_without_a_log_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match=r"shop/hero: the store has no log of it"):
        await rebuild(store, REF)
