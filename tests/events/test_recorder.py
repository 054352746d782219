from __future__ import annotations

import asyncio

import pytest

from edgewise.errors import StoreError
from edgewise.ids.visitor import anonymous_digest
from edgewise.visitors.message import Message
from tests.events.recording import ORDER, Recording, order
from tests.valkey import Valkey


async def test_reserved_events_create_no_profile(recording: Recording, valkey: Valkey) -> None:
    message = recording.linked("$click")
    await recording.record(Message("track", event="$click", anonymous_id="a", properties=message.properties))
    assert await recording.store.profiles.read("shop", anonymous_digest("a")) is None


async def test_concurrent_batches_of_one_visitor_are_all_counted(recording: Recording) -> None:
    await asyncio.gather(*(recording.record(order(f"m{number}", anonymous_id="v")) for number in range(200)))
    assert (await recording.profile(anonymous_digest("v"))).orders == 200
    assert len(await recording.entries()) == 200


async def test_batch_that_the_store_failed_may_be_sent_again(recording: Recording, valkey: Valkey) -> None:
    messages = [order("m1", anonymous_id="v"), recording.linked("$click")]
    valkey.kill()
    try:
        with pytest.raises(StoreError):
            await recording.record(*messages)
    finally:
        valkey.restart()
    assert await recording.record(*messages) == []
    assert {entry.name for entry in await recording.entries()} == {ORDER, "$click"}


async def test_rejected_messages_write_nothing(recording: Recording, valkey: Valkey) -> None:
    before = valkey.execute("DBSIZE")
    rejections = await recording.record(Message("track"), Message("page"), Message("track", event="$click"))
    assert [(rejection.index, rejection.code) for rejection in rejections] == [
        (0, "invalid_message"),
        (1, "invalid_message"),
        (2, "unknown_decision"),
    ]
    assert valkey.execute("DBSIZE") == before
