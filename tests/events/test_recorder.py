from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from typing import Any

import pytest

from edgewise.errors import StoreError
from edgewise.events.parser import EventParser
from edgewise.events.recorder import PARSED_AT_ONCE
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


async def test_other_requests_have_a_turn_while_a_batch_is_parsed(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, parsed_in = 0, list[int]()

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def parse(parser: EventParser, message: Message) -> Any:
        parsed_in.append(turns)
        return original(parser, message)

    original = EventParser.parse
    monkeypatch.setattr(EventParser, "parse", parse)
    other = asyncio.create_task(take_turns())
    assert await recording.record(*(order(f"m{number}", anonymous_id="v") for number in range(200))) == []
    other.cancel()
    assert max(Counter(parsed_in).values()) <= PARSED_AT_ONCE


@pytest.mark.parametrize(
    "step",
    [
        "edgewise.events.parser.EventParser.parse",
        "edgewise.events.profile_update.ProfileUpdate.add",
        "edgewise.events.event_batch.EventBatch._append",
    ],
)
async def test_a_message_that_fails_is_rejected_alone(
    recording: Recording, step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, _, name = step.rpartition(".")
    module, _, kind = owner.rpartition(".")
    original = getattr(getattr(importlib.import_module(module), kind), name)

    def fail_for_bad(self: object, *arguments: Any) -> Any:
        if "bad" in repr(arguments):
            raise RecursionError("What the visitor did.")
        return original(self, *arguments)

    monkeypatch.setattr(step, fail_for_bad)
    messages = [order(f"m{number}", anonymous_id="bad" if number == 13 else f"v{number}") for number in range(40)]
    if step.endswith("_append"):
        messages[13] = Message("track", "bad", "v13", event="bad")
    (rejection,) = await recording.record(*messages)
    assert (rejection.index, rejection.code) == (13, "internal_error")
    for number in {*range(40)} - {13}:
        assert (await recording.profile(anonymous_digest(f"v{number}"))).orders == 1
    assert len(await recording.entries()) == 39
    (message,) = {message for message in caplog.messages if "recorded" in message}
    assert message.startswith("A message could not be recorded: RecursionError at ")
    assert "What the visitor did." not in message
