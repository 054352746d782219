from __future__ import annotations

import json
from collections.abc import Mapping

from edgewise.ids.visitor import VisitorIds
from edgewise.types import Milliseconds, Webhook
from edgewise.visitors.profile import Profile
from edgewise.webhooks.triggers import NO_TRIGGERS, NO_UPDATE, Triggers, WebhookUpdate
from edgewise.webhooks.webhook_state import PendingCondition, decode_message, met_field, pending_field
from tests.visitors.activities import NOW, make_activity, make_page, make_profile

IDS = VisitorIds("ann", "u1")
MET, PENDING = met_field("buyer"), pending_field("buyer")
BUYER = make_profile(make_activity("Order Completed", amount=5.0))
OTHER = make_profile(make_page())


def triggers(after: Milliseconds = 0) -> Triggers:
    condition = {"visitor.orders": {"$gte": 1}}
    return Triggers("shop", [Webhook("buyer", "https://hooks.example", condition, "secret", after)])


def evaluate(
    profile: Profile,
    state: Mapping[bytes, bytes],
    other_state: Mapping[bytes, bytes] | None = None,
    after: Milliseconds = 0,
    is_visit: bool = True,
) -> WebhookUpdate:
    return triggers(after).evaluate(profile, state, other_state or {}, IDS, NOW, is_visit)


def test_newly_met_condition_has_a_message() -> None:
    update = evaluate(BUYER, {})
    assert update.fields == {MET: b"1"}
    assert update.needs_dispatch
    (message,) = map(decode_message, update.messages)
    body = json.loads(message.body)
    assert (message.webhook, message.id) == ("buyer", body["id"])
    assert (body["site"], body["anonymousId"], body["userId"]) == ("shop", "ann", "u1")
    assert body["visitor"]["orders"] == 1


def test_met_condition_fires_once_until_it_fails() -> None:
    assert not evaluate(BUYER, {MET: b"1"})
    assert evaluate(OTHER, {MET: b"1"}) == ({MET: b"0"}, [])
    assert len(evaluate(BUYER, {MET: b"0"}).messages) == 1


def test_condition_met_under_another_id_does_not_fire_again() -> None:
    assert evaluate(BUYER, {}, {MET: b"1"}) == ({MET: b"1"}, [])


def test_condition_with_a_delay_becomes_pending() -> None:
    update = evaluate(BUYER, {}, after=1000)
    assert update.needs_dispatch
    assert update == ({PENDING: PendingCondition(NOW + 1000, IDS).encode()}, [])


def test_visit_restarts_a_pending_delay_and_a_server_does_not() -> None:
    state = {PENDING: PendingCondition(NOW, IDS).encode()}
    assert evaluate(BUYER, state, after=1000).fields == {PENDING: PendingCondition(NOW + 1000, IDS).encode()}
    assert evaluate(BUYER, state, after=1000, is_visit=False) == NO_UPDATE


def test_pending_condition_keeps_an_id_that_a_later_message_lacks() -> None:
    state = {PENDING: PendingCondition(NOW, VisitorIds("old", "u1")).encode()}
    update = triggers(1000).evaluate(BUYER, state, {}, VisitorIds("new"), NOW, True)
    assert update.fields == {PENDING: PendingCondition(NOW + 1000, VisitorIds("new", "u1")).encode()}


def test_failed_condition_is_not_pending_any_more() -> None:
    update = evaluate(OTHER, {PENDING: PendingCondition(NOW, IDS).encode()}, after=1000)
    assert not update.needs_dispatch
    assert update == ({PENDING: None}, [])


def test_due_message_needs_a_condition_that_still_holds() -> None:
    message = triggers(1000).make_due_message("buyer", BUYER, IDS, NOW)
    assert message is not None
    assert decode_message(message).webhook == "buyer"
    assert triggers(1000).make_due_message("buyer", OTHER, IDS, NOW) is None
    assert triggers(1000).make_due_message("removed", BUYER, IDS, NOW) is None


def test_site_without_webhooks_is_false() -> None:
    assert not NO_TRIGGERS
    assert triggers()
    assert triggers().find_webhook("removed") is None
