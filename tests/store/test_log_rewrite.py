from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.errors import Fenced
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef, StreamId
from tests.store.test_checkpoints import owned


async def entries(store: Store, ref: PolicyRef) -> list[bytes]:
    return [data async for page in store.log.pages(ref) for _, data in page]


async def test_draft_replaces_the_log_and_keeps_later_entries(store: Store, ref: PolicyRef) -> None:
    ids = [await store.log.append(ref, entry) for entry in (b"hers", b"his")]
    await store.log_rewrite.begin(ref)
    await store.log_rewrite.write(ref, [(ids[1], b"his")])
    await store.log.append(ref, b"new")
    await store.log_rewrite.replace_log(ref, ids[1], serve_on=True)
    assert await entries(store, ref) == [b"his", b"new"]
    assert await store._client.execute(("TTL", f"{{{ref.site}:{ref.placement}}}:log")) == -1


async def test_no_byte_of_a_removed_entry_stays(store: Store, ref: PolicyRef) -> None:
    key = f"{{{ref.site}:{ref.placement}}}:log"
    ids = [await store.log.append(ref, entry) for entry in (b"some secret", b"his")]
    await store.log_rewrite.begin(ref)
    await store.log_rewrite.write(ref, [(ids[1], b"his")])
    assert b"some secret" in await store._client.execute(("DUMP", key))
    await store.log_rewrite.replace_log(ref, ids[1], serve_on=True)
    assert b"some secret" not in await store._client.execute(("DUMP", key))


async def test_ids_continue_after_an_empty_rewrite(store: Store, ref: PolicyRef) -> None:
    for kept in (0, 1):
        last = [await store.log.append(ref, b"entry") for _ in range(3)][-1]
        first = await store.log.first_id(ref)
        assert first is not None
        await store.log_rewrite.begin(ref)
        await store.log_rewrite.write(ref, [(first, b"entry")] * kept)
        await store.log_rewrite.replace_log(ref, last, serve_on=True)
        assert await store.log.length(ref) == kept
        assert await store.log.append(ref, b"next") > last


async def test_unfinished_draft_is_restarted_and_expires(store: Store, ref: PolicyRef) -> None:
    id = await store.log.append(ref, b"entry")
    await store.log_rewrite.write(ref, [(id, b"half")])
    assert 0 < await store._client.execute(("TTL", f"{{{ref.site}:{ref.placement}}}:draft")) <= 3600
    await store.log_rewrite.begin(ref)
    await store.log_rewrite.write(ref, [(id, b"whole")])
    await store.log_rewrite.replace_log(ref, id, serve_on=True)
    assert await entries(store, ref) == [b"whole"]


async def test_replacement_deletes_bases_fences_the_owner_and_keeps_model_versions(
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


async def test_old_model_serves_until_the_next_checkpoint(store: Store, ref: PolicyRef) -> None:
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
