from __future__ import annotations

from typing import Any

import pytest

from edgewise.events.not_shown_report import EVENT
from edgewise.ids.visitor import anonymous_digest
from edgewise.types import NotShownReason
from edgewise.visitors.message import Message, Properties
from edgewise.wall_clock import now_ms
from tests.events.recording import FROM_SERVER, Recording
from tests.learner.published_policy import REF
from tests.valkey import Valkey


def report(message_id: str, placement: Any = "hero", reason: Any = "late", visitor: str | None = None) -> Message:
    properties = Properties(placement=placement, reason=reason)
    return Message("track", message_id, visitor, visitor, event=EVENT, properties=properties)


async def count(recording: Recording) -> dict[NotShownReason, int]:
    return await recording.store.not_shown.count(REF, now_ms())


@pytest.mark.parametrize("consent", ["granted", "pending", "denied", None])
async def test_a_report_counts_with_and_without_consent(recording: Recording, consent: Any) -> None:
    messages = list(enumerate([report("m1"), report("m2", reason="timeout"), report("m1")]))
    assert await recording.recorder.record(recording.site, messages, None, FROM_SERVER, consent) == []
    assert await count(recording) == {"late": 1, "moved": 0, "timeout": 1}


async def test_a_report_leaves_no_outcome_and_no_visitor(recording: Recording) -> None:
    assert await recording.record(report("m1", visitor="v")) == []
    assert await recording.entries() == []
    assert await recording.store.profiles.read("shop", anonymous_digest("v")) is None


@pytest.mark.parametrize("properties", [{"placement": "gone"}, {"placement": 3}, {"reason": "rain"}, {"reason": None}])
async def test_an_unknown_placement_or_reason_is_rejected(
    recording: Recording, valkey: Valkey, properties: dict[str, Any]
) -> None:
    before = valkey.execute("DBSIZE")
    (rejection,) = await recording.record(report("m1", **properties))
    assert (rejection.code, "properties." in rejection.message) == ("invalid_message", True)
    (rejection,) = await recording.record(Message("track", "m1", event=EVENT))
    assert rejection.code == "invalid_message"
    assert valkey.execute("DBSIZE") == before


async def test_the_log_names_a_policy_once_and_no_visitor(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    await recording.record(report("m1", visitor="ann"))
    # Another worker.
    other = recording.worker(recording.store)
    await other.record(recording.site, [(0, report("m2", reason="moved"))], None, FROM_SERVER)
    (record,) = caplog.records
    assert "placement 'hero'" in record.message
    assert "ann" not in record.message
