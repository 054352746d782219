from __future__ import annotations

from edgewise.ids.visitor import VisitorIds
from edgewise.webhooks.webhook_state import (
    PendingCondition,
    QueuedMessage,
    decode_message,
    met_field,
    pending_field,
    read_met,
    read_pending,
)


def test_state_fields_are_read_as_they_were_written() -> None:
    condition = PendingCondition(7, VisitorIds("a", None))
    state = {
        met_field("met"): b"1",
        met_field("failed"): b"0",
        pending_field("later"): condition.encode(),
    }
    assert list(read_met(state)) == [("met", True), ("failed", False)]
    assert list(read_pending(state)) == [("later", b"d:later", condition.encode(), condition)]


def test_stored_fields_keep_their_names() -> None:
    assert (met_field("cart"), pending_field("cart")) == (b"h:cart", b"d:cart")


def test_queued_message_decodes_to_itself() -> None:
    message = QueuedMessage("m1", "cart", b"{}", attempts=3, problem="Expected a status from 200 to 299, found 500.")
    assert decode_message(message.encode()) == message
