from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from edgewise.errors import StoreError
from edgewise.events.recorder import Recorder
from edgewise.events.store_batch import StoreBatch
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Command, Store
from edgewise.store.keys import profile as profile_key
from edgewise.types import Digest
from edgewise.visitors.message import Message
from tests.events.recording import FROM_SERVER, LONG, ORDER, Recording, order


async def test_concurrent_workers_lose_no_activity_of_one_visitor(recording: Recording, store_url: str) -> None:
    """Each worker has its own connection. Some messages have the anonymous id, some the user id."""
    stores = [await Store.connect(store_url, patience=LONG) for _ in range(8)]
    try:
        workers = [recording.worker(store) for store in stores]
        messages_of_all = [
            [order(f"a{n}", anonymous_id=f"d{n % 3}"), order(f"u{n}", user_id="u")]
            + [order(f"b{n}", anonymous_id=f"d{n % 3}", user_id="u")] * (n % 2)
            for n in range(24)
        ]

        async def work(worker: Recorder, mine: list[list[Message]]) -> None:
            for messages in mine:
                await worker.record(recording.site, list(enumerate(messages)), None, FROM_SERVER)

        await asyncio.gather(*(work(worker, messages_of_all[number::8]) for number, worker in enumerate(workers)))
    finally:
        for store in stores:
            await store.close()
    await recording.record(*(Message("identify", anonymous_id=f"d{n}", user_id="u") for n in range(3)))
    assert (await recording.profile(user_digest("u"))).orders == 24 + 24 + 12


async def test_batches_of_one_visitor_within_a_worker_write_once_each(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, writes = recording.store.profiles.compare_and_set_command, []

    def counted(*arguments: Any) -> Command:
        writes.append(arguments)
        return write(*arguments)

    monkeypatch.setattr(recording.store.profiles, "compare_and_set_command", counted)
    await asyncio.gather(*(recording.record(order(f"m{number}", anonymous_id="v")) for number in range(50)))
    assert len(writes) == 50


async def test_batch_fails_if_other_writers_are_always_faster(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = recording.worker(recording.store, patience=0.5)
    write = recording.store.profiles.compare_and_set_command

    def too_late(site: str, visitor: Digest, old: bytes | None, new: bytes, *ttls: int) -> object:
        return write(site, visitor, b"outdated", new, *ttls)

    monkeypatch.setattr(recording.store.profiles, "compare_and_set_command", too_late)
    with pytest.raises(StoreError):
        await hasty.record(recording.site, [(0, order("m1", anonymous_id="v"))], None, FROM_SERVER)
    monkeypatch.undo()
    await recording.record(order("m1", anonymous_id="v"))
    assert [entry.name for entry in await recording.entries()] == [ORDER]
    assert (await recording.profile(anonymous_digest("v"))).orders == 1


async def test_damaged_profile_is_replaced_by_an_empty_one(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = anonymous_digest("jane@example.com")
    await recording.store.profiles.compare_and_set("shop", visitor, None, b"damaged", 60_000)
    with caplog.at_level(logging.ERROR):
        await recording.record(order("m1", anonymous_id="jane@example.com"))
    assert (await recording.profile(visitor)).orders == 1
    assert "cannot be read" in caplog.text
    assert "jane" not in caplog.text


async def test_lost_update_is_rebuilt_for_the_id_that_its_history_moved_to(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker links the visitor to a user right before the write. Entries are not appended again."""
    execute, key = StoreBatch.execute, profile_key("shop", anonymous_digest("ann"))

    async def link_before_the_write(batch: StoreBatch, commands: Sequence[Command]) -> list[Any]:
        if any(command[0] == "EVALSHA" and key in command for command in commands):
            monkeypatch.setattr(StoreBatch, "execute", execute)
            link = Message("identify", "m0", "ann", "u")
            await recording.worker(recording.store).record(recording.site, [(0, link)], None, FROM_SERVER)
        return await execute(batch, commands)

    monkeypatch.setattr(StoreBatch, "execute", link_before_the_write)
    await recording.record(order("m1", "ann"), order("m2", "ben"), order("m3", "ann"))
    assert StoreBatch.execute is execute
    assert [entry.name for entry in await recording.entries()] == [ORDER] * 3
    assert (await recording.profile(user_digest("u"))).orders == 2
    assert (await recording.profile(anonymous_digest("ben"))).orders == 1
