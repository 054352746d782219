from __future__ import annotations

from edgewise.entries import Decision, Event, Outcome, SlotChoice, encode
from edgewise.ids.visitor import VisitorIds, user_digest
from edgewise.privacy.access import VisitorData
from edgewise.privacy.export import export_visitor
from edgewise.store import Store
from edgewise.webhooks.triggers import NO_TRIGGERS
from tests.learner.published_policy import REF, PublishedPolicy

BEN, OTHER = user_digest("ben"), user_digest("other")


async def test_export_has_the_record_and_the_log_entries_of_one_visitor(store: Store) -> None:
    stage = PublishedPolicy(store)
    await stage.publish()
    await VisitorData(store).set_traits("shop", VisitorIds(user_id="ben"), {"plan": "pro"}, NO_TRIGGERS)
    for visitor in (BEN, OTHER):
        key = visitor + b"key."
        decision = Decision(key, stage.version, 3, "policy", (visitor,), "shared |", None, (SlotChoice(0, [1.0]),))
        event = Event((visitor,), "Order Completed", 5, b"message1")
        for entry in (decision, Outcome(key, 0, "$click", None, 0, b"message2"), event):
            await store.log.append(REF, encode(entry))
    record, *entries = [line async for line in export_visitor(store, "shop", "ben")]
    assert record["id"] == BEN.hex()
    assert [entry["entry"] for entry in entries] == ["decision", "outcome", "event"]
    assert all(OTHER.hex() not in repr(line) for line in (record, *entries))


async def test_export_of_an_unknown_visitor_is_empty(store: Store) -> None:
    assert [line async for line in export_visitor(store, "shop", "ben")] == []
