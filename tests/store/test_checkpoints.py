from __future__ import annotations

import time
from dataclasses import fields, replace

import pytest

from edgewise.errors import Fenced, WritesLost
from edgewise.store import Checkpoint, Head, Store, keys
from edgewise.types import BEGINNING, PolicyRef, StreamId

OTHER = PolicyRef("shop", "home-row")
CHECKPOINT = Checkpoint(
    epoch=1,
    position=StreamId(1_790_000_000_000, 7),
    read_again=StreamId(1_780_000_000_000, 2**40),
    shape=b"\x00hape\xff01",
    shape_since=BEGINNING,
    policy_version=b"version1",
    model=bytes(range(256)),
    statistics=b"",
    oldest_close=1_700_000_000_000,
    newest_close=1_790_000_000_000,
)


async def owned(store: Store, ref: PolicyRef) -> Checkpoint:
    """The checkpoint in the hands of the policy's present owner."""
    return replace(CHECKPOINT, epoch=await store.checkpoints.raise_epoch(ref))


async def test_a_checkpoint_reads_back_as_it_was_written(store: Store, ref: PolicyRef) -> None:
    checkpoint = await owned(store, ref)
    version = await store.checkpoints.write(ref, checkpoint)
    assert await store.checkpoints.read(ref) == replace(checkpoint, model_version=version)
    assert await store.checkpoints.statistics(ref) == checkpoint.statistics


async def test_head_is_the_checkpoint_without_model_and_statistics(store: Store, ref: PolicyRef) -> None:
    checkpoint = await owned(store, ref)
    version = await store.checkpoints.write(ref, checkpoint)
    shared = {field.name: getattr(checkpoint, field.name) for field in fields(Head)}
    assert await store.checkpoints.heads([OTHER, ref]) == {ref: Head(**shared | {"model_version": version})}


async def test_a_policy_that_was_only_taken_over_has_no_checkpoint(store: Store, ref: PolicyRef) -> None:
    assert await store.checkpoints.read(ref) is None
    await store.checkpoints.raise_epoch(ref)
    assert await store.checkpoints.read(ref) is None
    assert await store.checkpoints.heads([ref]) == {}
    assert await store.checkpoints.statistics(ref) is None


async def test_each_epoch_is_above_the_last_and_about_the_time_in_microseconds(store: Store, ref: PolicyRef) -> None:
    epochs = [await store.checkpoints.raise_epoch(ref) for _ in range(3)]
    assert epochs == sorted(set(epochs))
    assert abs(epochs[0] - time.time() * 1e6) < 60e6


async def test_an_epoch_grows_even_where_the_clock_went_back(store: Store, ref: PolicyRef) -> None:
    ahead = 9_000_000_000_000_000
    await store.pipeline.submit(("HSET", "{shop:home-hero}:checkpoint", "epoch", ahead), float("inf"))
    assert await store.checkpoints.raise_epoch(ref) == ahead + 1


async def test_an_older_epoch_writes_nothing(store: Store, ref: PolicyRef) -> None:
    late = await owned(store, ref)
    now = await owned(store, ref)
    await store.checkpoints.write_base(ref, now)
    written = await store.checkpoints.read(ref)
    with pytest.raises(Fenced, match=f"shop/home-hero: the store has epoch {now.epoch}, this learner has {late.epoch}"):
        await store.checkpoints.write(ref, late)
    with pytest.raises(Fenced):
        await store.checkpoints.write_base(ref, replace(late, position=StreamId(5, 5)))
    with pytest.raises(Fenced):
        await store.checkpoints.drop_bases(ref, StreamId(2**50, 0), late.epoch)
    assert await store.checkpoints.read(ref) == written
    assert await store.checkpoints.bases(ref) == [now.position]


async def test_without_an_epoch_nothing_is_written(store: Store, ref: PolicyRef) -> None:
    with pytest.raises(WritesLost, match="has epoch none"):
        await store.checkpoints.write(ref, CHECKPOINT)


async def test_older_epoch_in_the_store_means_lost_writes(store: Store, ref: PolicyRef) -> None:
    ours = await owned(store, ref)
    await store.pipeline.submit(("HSET", keys.checkpoint(ref), "epoch", ours.epoch - 1), float("inf"))
    with pytest.raises(WritesLost, match=f"the store has epoch {ours.epoch - 1}, this learner has {ours.epoch}"):
        await store.checkpoints.write(ref, ours)
    assert await store.checkpoints.read(ref) is None


async def test_model_versions_only_grow_across_owners(store: Store, ref: PolicyRef) -> None:
    first = await owned(store, ref)
    assert await store.checkpoints.write(ref, first) == 1
    assert await store.checkpoints.write(ref, first) == 2
    assert await store.checkpoints.write(ref, replace(first, model_version=40)) == 40
    assert await store.checkpoints.write(ref, await owned(store, ref)) == 41


async def test_bases_are_listed_oldest_first_by_number(store: Store, ref: PolicyRef) -> None:
    checkpoint = await owned(store, ref)
    positions = [StreamId(1000, 0), StreamId(999, 10), StreamId(999, 9), StreamId(10_000, 0)]
    for position in positions:
        await store.checkpoints.write_base(ref, replace(checkpoint, position=position))
    assert await store.checkpoints.bases(ref) == sorted(positions)
    base = await store.checkpoints.read_base(ref, StreamId(999, 10))
    assert base == replace(checkpoint, position=StreamId(999, 10))
    assert await store.checkpoints.read_base(ref, StreamId(1, 1)) is None


async def test_dropping_bases_spares_the_one_at_the_position(store: Store, ref: PolicyRef) -> None:
    checkpoint = await owned(store, ref)
    positions = [StreamId(ms, 0) for ms in (1, 2, 3)]
    for position in positions:
        await store.checkpoints.write_base(ref, replace(checkpoint, position=position))
    assert await store.checkpoints.drop_bases(ref, positions[2], checkpoint.epoch) == 2
    assert await store.checkpoints.bases(ref) == [positions[2]]
    assert await store.checkpoints.drop_bases(ref, positions[2], checkpoint.epoch) == 0
