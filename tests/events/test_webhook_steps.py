from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from edgewise.events.profile_records import ProfileRecords
from edgewise.events.profile_update import ProfileUpdate
from edgewise.events.store_batch import StoreBatch
from edgewise.events.webhook_steps import WebhookStep, WebhookSteps
from edgewise.ids.visitor import VisitorIds, anonymous_digest
from edgewise.store import Store, webhook_queues
from edgewise.types import Digest, Webhook
from edgewise.visitors.profile import Profile
from edgewise.webhooks.triggers import Triggers
from edgewise.webhooks.webhook_state import met_field
from tests.events.recording import LONG
from tests.visitors.activities import make_activity, make_page, make_profile

VISITOR, OTHER_ID = anonymous_digest("ann"), anonymous_digest("ann's phone")
MET = met_field("buyer")
BUYER = make_profile(make_activity("Order Completed", amount=5.0))
READER = make_profile(make_page())


async def prepare(
    store: Store,
    *profiles: Profile,
    digests: Sequence[Digest] = (VISITOR,),
    may_notify: Callable[[], bool] = lambda: True,
) -> WebhookStep:
    triggers = Triggers("shop", [Webhook("buyer", "https://hooks.example", {"visitor.orders": {"$gte": 1}}, "secret")])
    batch = StoreBatch(store, LONG)
    update = ProfileUpdate(VISITOR, None)
    for profile in profiles:
        update.change(profile, digests, VisitorIds("ann"), is_visit=True)
    steps = WebhookSteps(store, "shop", triggers, ProfileRecords(store, "shop", batch), batch, may_notify)
    (step,) = await steps.prepare([update])
    return step


async def remember_met(store: Store, visitor: Digest) -> None:
    command = store.webhook_queues.write_command("shop", visitor, None, b"profile", 60_000, {MET: b"1"}, [])
    assert await StoreBatch(store, LONG).execute([command]) == [1]


async def test_condition_that_held_between_two_messages_fires(store: Store) -> None:
    step = await prepare(store, READER, BUYER, READER)
    assert step.update.fields == {MET: b"0"}
    assert len(step.update.messages) == 1


async def test_condition_that_failed_between_two_messages_fires_again(store: Store) -> None:
    assert len((await prepare(store, BUYER, READER, BUYER)).update.messages) == 2


async def test_each_change_that_needs_the_dispatcher_takes_from_the_budget(store: Store) -> None:
    answers = iter([False, True])
    step = await prepare(store, BUYER, READER, BUYER, may_notify=lambda: next(answers))
    assert len(step.update.messages) == 1
    assert next(answers, None) is None


@pytest.mark.parametrize("is_full", [True, False])
async def test_webhook_without_room_or_budget_fires_later(
    store: Store, monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    await remember_met(store, VISITOR)
    if is_full:
        monkeypatch.setattr(webhook_queues, "MOST_VISITORS", 0)
    step = await prepare(store, READER, BUYER, may_notify=lambda: is_full)
    assert step.update == ({MET: b"0"}, [])


async def test_condition_met_under_another_id_stays_there_until_it_moves(store: Store) -> None:
    await remember_met(store, OTHER_ID)
    assert await prepare(store, BUYER, digests=(VISITOR, OTHER_ID)) == (({MET: b"1"}, []), [OTHER_ID])
    refused = await prepare(store, BUYER, may_notify=lambda: False)
    assert refused == (({}, []), [])


async def test_one_update_has_no_more_messages_than_the_queue_takes(store: Store) -> None:
    step = await prepare(store, *[BUYER, READER] * (webhook_queues.MOST_QUEUED + 1))
    assert len(step.update.messages) == webhook_queues.MOST_QUEUED
