from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from edgewise.entries import Outcome, Version, encode
from edgewise.errors import Fenced, StoreError
from edgewise.learner import policy_learner
from edgewise.learner.rebuild import rebuild
from edgewise.policies.compiled import encode_policy
from edgewise.policies.policy import Explore, Reward
from edgewise.store import Store
from edgewise.types import BEGINNING
from tests.learner.stage import DAY, POLICY, REF, Stage, learner, read, settle


async def test_what_closes_while_the_log_is_quiet_is_learned_by_a_tick(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(4)
    checkpoint = await settle(store, one)
    assert one.fold is not None
    assert one.fold.statistics.learned == 4
    assert one.fold.statistics.policy.reward == 2.0
    assert checkpoint.oldest_close <= checkpoint.newest_close <= checkpoint.position.ms


async def test_a_published_model_is_the_fold_of_the_log_byte_for_byte(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(30)
    await settle(store, one)
    shares: list[float] = []
    rebuilt = await rebuild(store, REF, shares.append)
    assert rebuilt.equal
    assert rebuilt.learned == 30
    assert shares[-1] == 1.0


async def test_a_learner_that_is_killed_goes_on_from_its_checkpoint(store: Store) -> None:
    stage, first = Stage(store, replace(POLICY, reward=Reward(window=DAY))), learner(store)
    await stage.publish()
    await stage.visit(10)
    await stage.later(DAY)
    await settle(store, first)
    key = await stage.decide()
    await stage.tell(key)
    await read(store, first)
    assert await first.publish() is not None
    del first
    second = learner(store)
    await stage.tell(key, "$click")
    await stage.visit(5)
    await stage.later(DAY)
    await settle(store, second)
    assert second.fold is not None
    assert second.fold.statistics.learned == 16
    assert second.fold.statistics.policy.reward == 6.0 + 1.0 + 3.0
    assert (await rebuild(store, REF)).equal


async def test_a_learner_whose_policy_was_taken_over_writes_nothing(store: Store) -> None:
    stage, one, other = Stage(store), learner(store), learner(store)
    await stage.publish()
    await stage.visit(3)
    await settle(store, one)
    assert await other.start()
    await stage.visit(3)
    await read(store, one)
    with pytest.raises(Fenced, match="shop/hero"):
        await one.publish()


async def test_a_store_that_lost_its_tail_is_folded_again_under_a_new_epoch(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(6)
    before = await settle(store, one)
    kept = await store.log.last_id(REF)
    await stage.visit(6)
    while await read(store, one):
        pass
    entries = (await store.log.read({REF: kept or BEGINNING}, 100))[REF].entries
    await store.log.delete(REF, [id for id, _ in entries[1:]])
    await stage.visit(1)
    after = await settle(store, one)
    assert after.epoch > before.epoch
    assert one.fold is not None
    assert one.fold.statistics.decisions == 7
    assert (await rebuild(store, REF)).equal


async def test_a_checkpoint_that_the_log_does_not_bear_out_is_not_gone_on_from(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(6)
    checkpoint = await settle(store, one)
    await store.log.delete(REF, [checkpoint.position])
    await stage.visit(2)
    other = learner(store)
    await settle(store, other)
    assert other.fold is not None
    assert other.fold.statistics.decisions == 8
    assert (await rebuild(store, REF)).equal


async def test_an_edit_of_rewards_and_actions_keeps_the_model(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(6)
    before = await settle(store, one)
    await stage.publish(replace(POLICY, actions=POLICY.actions[:1], reward=replace(POLICY.reward, default=0.1)))
    key = await stage.decide()
    await stage.tell(key)
    after = await settle(store, one)
    assert (after.epoch, after.shape) == (before.epoch, before.shape)
    assert after.policy_version == stage.version
    assert one.fold is not None
    assert one.fold.statistics.learned == 7
    assert (await rebuild(store, REF)).equal


async def test_an_edit_of_the_algorithm_folds_the_whole_log_anew(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(6)
    before = await settle(store, one)
    await stage.publish(replace(POLICY, explore=Explore("epsilon")))
    await stage.visit(2)
    head = (await store.checkpoints.heads([REF]))[REF]
    assert head.shape == before.shape, "the old model is served until the new one is there"
    after = await settle(store, one)
    assert after.shape != before.shape
    assert after.epoch > before.epoch
    assert one.fold is not None
    assert one.fold.statistics.learned == 8
    assert (await rebuild(store, REF)).equal


async def test_an_algorithm_that_was_edited_and_edited_back_while_nobody_learned_is_folded_anew_once(
    store: Store,
) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(6)
    before = await settle(store, one)
    await stage.publish(replace(POLICY, explore=Explore("epsilon")))
    await stage.visit(2)
    await stage.publish(replace(POLICY, control_share=0.5))
    await stage.visit(2)
    async with asyncio.timeout(60):
        after = await settle(store, one)
    assert after.shape == before.shape
    assert after.policy_version == stage.version
    assert one.fold is not None
    assert one.fold.statistics.learned == 10
    assert (await rebuild(store, REF)).equal


async def test_half_a_fold_anew_is_not_published(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await stage.visit(20)
    await settle(store, one)
    await stage.publish(replace(POLICY, explore=Explore("epsilon")))
    await read(store, one)
    await read(store, one, count=10)
    assert await one.publish() is None
    await settle(store, one)


async def test_a_decision_whose_version_is_missing_is_waited_for_and_then_learned(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await read(store, one)
    stage.policy = replace(POLICY, reward=Reward(window=30))
    key = await stage.decide()
    await stage.tell(key)
    with pytest.raises(StoreError, match="no blob of version"):
        await read(store, one)
    await stage.publish()
    await settle(store, one)
    assert one.fold is not None
    assert one.fold.statistics.learned == 1
    assert (await rebuild(store, REF)).equal


async def test_what_another_release_published_is_not_mixed_with_our_models(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    blob, entry = encode_policy(POLICY), encode(Version(stage.version, b"theirs!!"))
    await store.versions.publish(REF, stage.version, b"theirs!!", blob, entry)
    with pytest.raises(StoreError, match="different releases"):
        await one.start()
    await stage.publish()
    await stage.visit(1)
    await settle(store, one)
    assert (await rebuild(store, REF)).equal


async def test_what_is_no_entry_is_counted_and_passed_over(store: Store) -> None:
    stage, one = Stage(store), learner(store)
    await stage.publish()
    await store.log.append(REF, b"\xc1 never msgpack")
    await store.log.append(REF, encode(Outcome(b"?" * 12, 0, "$click", None, 0, b"message1")))
    await stage.visit(1)
    await settle(store, one)
    assert one.fold is not None
    assert (one.fold.statistics.unreadable, one.fold.statistics.closed, one.fold.statistics.learned) == (1, 1, 1)


async def test_a_log_over_its_bytes_is_trimmed_to_a_base_and_can_still_be_rebuilt(store: Store) -> None:
    stage, one = Stage(store), learner(store, log_bytes=20_000)
    await stage.publish()
    await stage.visit(200)
    await settle(store, one)
    await one.keep_within_bounds()
    assert await store.log.size_bytes(REF) < 20_000
    await stage.visit(10)
    await settle(store, one)
    assert one.fold is not None
    assert one.fold.statistics.learned == 210
    assert (await rebuild(store, REF)).equal


async def test_a_log_over_its_bytes_that_is_all_open_is_cut(store: Store) -> None:
    stage = Stage(store, replace(POLICY, reward=Reward(window=600_000)))
    one = learner(store, log_bytes=20_000)
    await stage.publish()
    await stage.visit(200)
    while await read(store, one):
        pass
    await one.keep_within_bounds()
    await read(store, one)
    await one.keep_within_bounds()
    assert await store.log.size_bytes(REF) < 20_000
    assert one.fold is not None
    assert (one.fold.statistics.cut, one.fold.open_decisions) == (200, 0)
    assert await one.publish() is not None
    assert (await rebuild(store, REF)).equal


async def test_retention_moves_from_one_base_to_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_learner, "BASE_EVERY", 1)
    stage, one = Stage(store), learner(store, retention=1)
    await stage.publish()
    for _ in range(3):
        await stage.visit(5)
        await settle(store, one)
        await one.keep_within_bounds()
    bases = await store.checkpoints.bases(REF)
    assert len(bases) == 2, "the newest that retention has outlived, and what came since"
    oldest = await store.checkpoints.read_base(REF, bases[0])
    assert oldest is not None
    assert await store.log.first_id(REF) == oldest.read_again
    assert (await rebuild(store, REF)).equal


async def test_a_version_that_only_the_trimmed_log_named_lapses(store: Store) -> None:
    stage, one = Stage(store), learner(store, log_bytes=5_000)
    await stage.publish()
    first = stage.version
    await stage.visit(60)
    await stage.publish(replace(POLICY, control_share=0.1))
    await settle(store, one)
    await one.keep_within_bounds()
    assert await store.versions.expire_blobs(REF, set()) == 1
    assert await store.versions.blob(REF, first) is not None, "it lapses in a week"


async def test_rebuilding_what_was_never_there_says_so(store: Store) -> None:
    with pytest.raises(StoreError, match=r"shop/hero.*nothing to rebuild"):
        await rebuild(store, REF)
