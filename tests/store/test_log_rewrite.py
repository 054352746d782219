from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.errors import Fenced
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef, StreamId
from tests.store.test_checkpoints import owned


async def entries(store: Store, ref: PolicyRef) -> list[bytes]:
    return [data async for page in store.log.pages(ref) for _, data in page]


async def test_a_draft_takes_the_logs_place_with_what_came_meanwhile(store: Store, ref: PolicyRef) -> None:
    ids = [await store.log.append(ref, entry) for entry in (b"hers", b"his")]
    await store.log_rewrite.begin(ref)
    await store.log_rewrite.write(ref, [(ids[1], b"his")])
    await store.log.append(ref, b"new")
    await store.log_rewrite.replace_log(ref, ids[1], serve_on=True)
    assert await entries(store, ref) == [b"his", b"new"]
    assert await store._client.execute(("TTL", f"{{{ref.site}:{ref.placement}}}:log")) == -1


async def test_of_what_is_left_out_no_byte_stays_in_the_store(store: Store, ref: PolicyRef) -> None:
    key = f"{{{ref.site}:{ref.placement}}}:log"
    ids = [await store.log.append(ref, entry) for entry in (b"some secret", b"his")]
    await store.log_rewrite.begin(ref)
    await store.log_rewrite.write(ref, [(ids[1], b"his")])
    assert b"some secret" in await store._client.execute(("DUMP", key))
    await store.log_rewrite.replace_log(ref, ids[1], serve_on=True)
    assert b"some secret" not in await store._client.execute(("DUMP", key))


async def test_the_ids_of_a_log_go_on_even_where_nothing_of_it_is_left(store: Store, ref: PolicyRef) -> None:
    for kept in (0, 1):
        last = [await store.log.append(ref, b"entry") for _ in range(3)][-1]
        first = await store.log.first_id(ref)
        assert first is not None
        await store.log_rewrite.begin(ref)
        await store.log_rewrite.write(ref, [(first, b"entry")] * kept)
        await store.log_rewrite.replace_log(ref, last, serve_on=True)
        assert await store.log.length(ref) == kept
        assert await store.log.append(ref, b"next") > last


async def test_a_draft_that_was_left_unfinished_is_begun_anew_and_lapses(store: Store, ref: PolicyRef) -> None:
    id = await store.log.append(ref, b"entry")
    await store.log_rewrite.write(ref, [(id, b"half")])
    assert 0 < await store._client.execute(("TTL", f"{{{ref.site}:{ref.placement}}}:draft")) <= 3600
    await store.log_rewrite.begin(ref)
    await store.log_rewrite.write(ref, [(id, b"whole")])
    await store.log_rewrite.replace_log(ref, id, serve_on=True)
    assert await entries(store, ref) == [b"whole"]


async def test_a_new_log_drops_the_bases_fences_the_owner_and_keeps_the_version_count(
    store: Store, ref: PolicyRef
) -> None:
    checkpoint = await owned(store, ref)
    await store.checkpoints.write(ref, checkpoint)
    await store.checkpoints.write_base(ref, checkpoint)
    epoch = await store.log_rewrite.replace_log(ref, BEGINNING, serve_on=False)
    assert epoch > checkpoint.epoch
    assert await store.checkpoints.read(ref) is None
    assert await store.checkpoints.bases(ref) == []
    with pytest.raises(Fenced):
        await store.checkpoints.write(ref, checkpoint)
    assert await store.checkpoints.write(ref, replace(checkpoint, epoch=epoch)) == 2


async def test_a_model_of_the_old_log_serves_on_until_the_next_one_is_written(store: Store, ref: PolicyRef) -> None:
    checkpoint = await owned(store, ref)
    await store.checkpoints.write(ref, checkpoint)
    assert not await store.checkpoints.needs_new_fold(ref)
    epoch = await store.log_rewrite.replace_log(ref, StreamId(1, 0), serve_on=True)
    served = await store.checkpoints.read(ref)
    assert served is not None
    assert (served.model, served.epoch) == (checkpoint.model, epoch)
    assert await store.checkpoints.needs_new_fold(ref)
    await store.checkpoints.write(ref, replace(checkpoint, epoch=epoch))
    assert not await store.checkpoints.needs_new_fold(ref)
