"""The result does not depend on how messages are packed into batches, nor on batches that are sent again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewise.entries import Event, Outcome
from edgewise.events import profile_update, recorder, webhook_steps
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.serving.follower import Follower
from edgewise.store import Store
from edgewise.types import Digest, Webhook
from edgewise.visitors.message import Message, Properties
from edgewise.webhooks.webhook_state import decode_message
from tests.events.recording import LONG, ORDER, REWARDED, Recording
from tests.learner.published_policy import PublishedPolicy
from tests.valkey import Valkey

NOW = 1_760_000_000_000
DEVICES, USERS = ("phone", "kiosk"), ("anna", "bert", "carl")
DIGESTS = [*map(anonymous_digest, DEVICES), *map(user_digest, USERS)]


def webhook(name: str, condition: Mapping[str, Any], after: int = 0) -> Webhook:
    return Webhook(name, "https://hooks.example", condition, "secret", after)


WEBHOOKS = (
    webhook("has-cart", {"visitor.cartItems": {"$gte": 1}}),
    webhook("no-cart", {"visitor.cartItems": {"$lt": 1}}),
    webhook("left-cart", {"visitor.cartItems": {"$gte": 1}}, after=60_000),
    webhook("one-page", {"visitor.pageViews": {"$eq": 1}}),
    webhook("plan-a", {"visitor.traits.plan": "a"}),
    webhook("plan-b", {"visitor.traits.plan": "b"}, after=1000),
)

devices, users = st.sampled_from(DEVICES), st.sampled_from(USERS)
who = st.one_of(
    st.fixed_dictionaries({"anonymous_id": devices}),
    st.fixed_dictionaries({"user_id": users}),
    st.fixed_dictionaries({"anonymous_id": devices, "user_id": users}),
)
logins = st.fixed_dictionaries({"anonymous_id": devices, "user_id": users})


def track(event: str) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.builds(
        Properties,
        product_id=st.sampled_from(("p1", "p2")),
        revenue=st.sampled_from((1, 2.5)),
        order_id=st.sampled_from((None, "o1", 2)),
    )
    return st.builds(lambda ids, given: {"type": "track", "event": event, "properties": given, **ids}, who, properties)


contents = st.one_of(
    st.builds(lambda ids: {"type": "page", **ids}, who),
    track(ORDER),
    track("Product Added"),
    st.builds(lambda ids, plan: {"type": "identify", "traits": {"plan": plan}, **ids}, logins, st.sampled_from("ab")),
    st.builds(lambda ids: {"type": "page", **ids}, logins),
    st.builds(lambda id, user: {"type": "alias", "previous_id": id, "user_id": user}, st.one_of(devices, users), users),
)


class Delivery(NamedTuple):
    """A message, whether a batch begins with it, and whether earlier messages are sent again before."""

    content: dict[str, Any]
    minutes: int
    begins_batch: bool
    repeats: int


deliveries = st.lists(
    st.builds(Delivery, contents, st.sampled_from((0, 1, 45)), st.booleans(), st.sampled_from((0, 0, 0, 1, 3, 20))),
    min_size=2,
    max_size=12,
)


class Result(NamedTuple):
    profiles: list[tuple[Digest, bytes | None]]
    entries: list[Event | Outcome]
    webhook_state: list[Mapping[bytes, bytes]]
    webhook_messages: list[list[dict[str, Any]]]


def messages_of(plan: Sequence[Delivery]) -> list[Message]:
    ago = sum(one.minutes for one in plan)
    messages = []
    for number, one in enumerate(plan):
        ago -= one.minutes
        happened = datetime.fromtimestamp(NOW / 1000 - 60 * ago, UTC)
        messages.append(Message(message_id=f"m{number}", timestamp=happened, **one.content))
    return messages


def batches_of(plan: Sequence[Delivery]) -> list[list[Message]]:
    batches: list[list[Message]] = [[]]
    sent: list[Message] = []
    for message, one in zip(messages_of(plan), plan, strict=True):
        if one.begins_batch:
            batches.append([])
        if one.repeats:
            batches[-1] += sent[-one.repeats :]
        batches[-1].append(message)
        sent.append(message)
    return batches


async def webhook_messages(store: Store, digest: Digest) -> list[dict[str, Any]]:
    """The queued messages, without their random ids."""
    queued, _ = await store.webhook_queues.messages("shop", digest)
    return [{**json.loads(decode_message(packed).body), "id": None} for packed in queued]


async def recorded(valkey: Valkey, batches: Sequence[Sequence[Message]]) -> Result:
    valkey.execute("FLUSHALL")
    store = await Store.connect(valkey.url, patience=LONG)
    try:
        await PublishedPolicy(store, REWARDED).publish(webhooks=WEBHOOKS)
        follower = Follower(store)
        await follower.refresh()
        recording = Recording(store, follower)
        with ExitStack() as patches:
            for module in (recorder, profile_update, webhook_steps):
                patches.enter_context(patch.object(module, "now_ms", lambda: NOW))
            for batch in batches:
                assert await recording.record(*batch) == []
        return Result(
            [(digest, await store.profiles.read("shop", digest)) for digest in DIGESTS],
            await recording.entries(),
            [await store.webhook_queues.state("shop", digest) for digest in DIGESTS],
            [await webhook_messages(store, digest) for digest in DIGESTS],
        )
    finally:
        await store.close()


@settings(max_examples=80)
@given(deliveries)
def test_result_does_not_depend_on_packing_and_repeats(valkey: Valkey, plan: list[Delivery]) -> None:
    one_by_one = asyncio.run(recorded(valkey, [[message] for message in messages_of(plan)]))
    assert asyncio.run(recorded(valkey, batches_of(plan))) == one_by_one


@pytest.mark.parametrize("packed", [True, False])
async def test_what_the_first_user_of_a_device_did_stays_with_that_user(recording: Recording, packed: bool) -> None:
    messages = [
        Message("identify", "m1", "kiosk", "anna"),
        Message("track", "m2", "kiosk", event=ORDER),
        Message("identify", "m3", "kiosk", "bert"),
        Message("page", "m4", "kiosk"),
    ]
    for batch in [messages] if packed else [[message] for message in messages]:
        await recording.record(*batch)
    anna, bert = await recording.profile(user_digest("anna")), await recording.profile(user_digest("bert"))
    assert [(one.orders, one.page_views) for one in (anna, bert)] == [(1, 0), (0, 1)]


async def test_message_that_is_sent_again_after_a_handover_counts_once(recording: Recording) -> None:
    first = [Message("identify", "m1", "kiosk", "anna"), Message("track", "m2", "kiosk", event=ORDER)]
    await recording.record(*first)
    await recording.record(Message("identify", "m3", "kiosk", "bert"))
    await recording.record(*first)
    await recording.record(Message("page", "m4", "kiosk"))
    anna, bert = await recording.profile(user_digest("anna")), await recording.profile(user_digest("bert"))
    assert [(one.orders, one.page_views) for one in (anna, bert)] == [(1, 0), (0, 1)]


@pytest.mark.parametrize("packed", [True, False])
async def test_a_trait_that_found_no_room_stays_lost_when_later_messages_make_room(
    recording: Recording, packed: bool
) -> None:
    large, more = ({f"{kind}{number}": "x" * 256 for number in range(20)} for kind in "ab")
    set_at = [datetime.fromtimestamp(NOW / 1000 - 60 + number, UTC) for number in range(3)]
    messages = [
        Message("identify", "m1", "kiosk", timestamp=set_at[0], traits=large),
        Message("identify", "m2", "kiosk", timestamp=set_at[1], traits=more),
        Message("identify", "m3", "kiosk", timestamp=set_at[2], traits=dict.fromkeys(more)),
    ]
    with patch.object(recorder, "now_ms", lambda: NOW):
        for batch in [messages] if packed else [[message] for message in messages]:
            await recording.record(*batch)
    kept = (await recording.profile(anonymous_digest("kiosk"))).traits
    assert 0 < len(kept) < len(large)
