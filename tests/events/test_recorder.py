from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from edgewise.entries import Event, Outcome, decode
from edgewise.errors import StoreError
from edgewise.events.recorder import Recorder, Rejection
from edgewise.events.store_batch import StoreBatch
from edgewise.ids.decision import DecisionIds
from edgewise.ids.visitor import anonymous_digest, message_digest, user_digest
from edgewise.policies.policy import Reward
from edgewise.serving.follower import Follower
from edgewise.serving.served import ServedSite
from edgewise.store import Command, Store
from edgewise.store.keys import profile as profile_key
from edgewise.types import BEGINNING, Digest
from edgewise.visitors import profile as profiles
from edgewise.visitors.message import Message, Properties
from edgewise.visitors.profile import Profile
from tests.learner.stage import POLICY, REF, Stage
from tests.valkey import Valkey

IDS = DecisionIds((b"a key" * 5,))
ORDER = "Order Completed"
LONG = 60.0
"""Seconds that a batch may take on a busy machine."""


class Recording:
    """A recorder of one site, and what it stored."""

    def __init__(self, store: Store, follower: Follower) -> None:
        self.store = store
        self.follower = follower
        self.site: ServedSite = follower.sites["shop"]
        self.recorder = self.worker(store)

    def worker(self, store: Store, patience: float = LONG) -> Recorder:
        """Make the recorder of a worker with its own connection."""
        return Recorder(store, IDS, self.follower.find, patience)

    async def record(self, *messages: Message, sent_at: int | None = None) -> list[Rejection]:
        return await self.recorder.record(self.site, list(enumerate(messages)), sent_at)

    async def entries(self) -> list[Outcome | Event]:
        page = (await self.store.log.read({REF: BEGINNING}, 10_000))[REF]
        return [entry for _, raw in page.entries if isinstance(entry := decode(raw), Outcome | Event)]

    async def profile(self, visitor: Digest) -> Profile:
        stored = await self.store.profiles.read("shop", visitor)
        assert stored is not None
        return profiles.decode(stored)

    def linked(self, event: str, **properties: object) -> Message:
        id = IDS.issue(self.site.placements["hero"].policy_id, 1, b"0123456789ab")
        return Message("track", event=event, properties=Properties(decision_id=id, **properties))


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = await Store.connect(store_url, patience=LONG)
    yield store
    await store.close()


@pytest.fixture
async def recording(store: Store) -> Recording:
    policy = replace(POLICY, reward=Reward(events={"$click": 0.2, ORDER: 1.0, "Signed Up": 0.5}))
    await Stage(store, policy).publish()
    follower = Follower(store)
    await follower.refresh()
    return Recording(store, follower)


def order(message_id: str, anonymous_id: str | None = None, user_id: str | None = None) -> Message:
    return Message("track", message_id, anonymous_id, user_id, event=ORDER)


async def test_log_has_the_order_of_the_batch(recording: Recording) -> None:
    many = [
        recording.linked("$impression") if number % 2 else order(f"m{number}", anonymous_id=f"v{number % 7}")
        for number in range(300)
    ]
    # A store that does not have a script yet executes its commands after the others.
    await recording.record(order("first", anonymous_id="v"))
    assert await recording.record(*many) == []
    assert [entry.name for entry in await recording.entries()] == [ORDER, *(message.event for message in many)]


async def test_event_is_appended_once_and_outcome_each_time_it_is_sent(recording: Recording) -> None:
    for _ in range(3):
        await recording.record(order("m1", anonymous_id="v"), recording.linked("$click"))
    assert [entry.name for entry in await recording.entries()] == [ORDER, "$click", "$click", "$click"]


async def test_event_has_the_ids_that_the_same_batch_links(recording: Recording) -> None:
    await recording.record(
        order("m1", user_id="u"),
        Message("identify", anonymous_id="phone", user_id="u"),
        Message("identify", anonymous_id="laptop", user_id="u"),
    )
    (event,) = await recording.entries()
    assert isinstance(event, Event)
    assert event.visitor[0] == user_digest("u")
    assert set(event.visitor[1:]) == {anonymous_digest("phone"), anonymous_digest("laptop")}
    assert event.message == message_digest("m1")


async def test_event_of_a_second_user_on_a_shared_device_lacks_the_first_users_ids(recording: Recording) -> None:
    """Else an order of one user would reward what another one saw at home."""
    await recording.record(Message("identify", anonymous_id="home", user_id="one"))
    await recording.record(Message("identify", anonymous_id="shared", user_id="one"))
    await recording.record(order("m1", anonymous_id="shared", user_id="two"))
    event = (await recording.entries())[-1]
    assert isinstance(event, Event)
    assert set(event.visitor) == {anonymous_digest("shared"), user_digest("two")}


async def test_events_with_both_ids_and_with_the_anonymous_id_alone_share_a_profile(recording: Recording) -> None:
    await recording.record(order("m1", anonymous_id="a", user_id="u"), Message("page", anonymous_id="a"))
    await recording.record(Message("page", anonymous_id="a"))
    profile = await recording.profile(user_digest("u"))
    assert (profile.orders, profile.page_views) == (1, 2)
    assert profile.origin is not None
    assert profile.origin[1] == anonymous_digest("a")


async def test_histories_of_several_devices_merge_in_any_order(recording: Recording) -> None:
    orders = [order(f"m{number}", anonymous_id=f"device-{number}") for number in range(4)]
    for number, one in enumerate(orders):
        await recording.record(one)
        if number == 1:
            await recording.record(Message("identify", anonymous_id="device-0", user_id="u"))
    links = [Message("identify", anonymous_id=f"device-{number}", user_id="u") for number in range(4)]
    for _ in range(2):
        await recording.record(*orders, *links)
    profile = await recording.profile(user_digest("u"))
    assert profile.orders == 4
    assert set(profile.ids) == {user_digest("u"), *(anonymous_digest(f"device-{number}") for number in range(4))}


async def test_alias_merges_two_users_in_either_order(recording: Recording) -> None:
    for one, other in (("a", "b"), ("d", "c")):
        await recording.record(order(f"{one}1", user_id=one), order(f"{other}1", user_id=other))
        await recording.record(Message("alias", previous_id=one, user_id=other))
        await recording.record(Message("alias", previous_id=other, user_id=one))
        await recording.record(order(f"{one}2", user_id=one), order(f"{other}2", user_id=other))
        kept = max(user_digest(one), user_digest(other))
        assert (await recording.profile(kept)).orders == 4


async def test_alias_of_an_anonymous_id_links_it_to_the_user(recording: Recording) -> None:
    await recording.record(order("m1", anonymous_id="a"))
    await recording.record(Message("alias", previous_id="a", user_id="u"))
    assert (await recording.profile(user_digest("u"))).orders == 1


async def test_histories_on_a_shared_device_stay_apart_and_the_last_user_continues(recording: Recording) -> None:
    await recording.record(order("m1", anonymous_id="shared", user_id="one"))
    await recording.record(order("m2", anonymous_id="shared", user_id="two"))
    await recording.record(order("m3", anonymous_id="shared"))
    by_one, by_two = await recording.profile(user_digest("one")), await recording.profile(user_digest("two"))
    assert (by_one.orders, by_two.orders) == (1, 2)


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
                await worker.record(recording.site, list(enumerate(messages)), None)

        await asyncio.gather(*(work(worker, messages_of_all[number::8]) for number, worker in enumerate(workers)))
    finally:
        for store in stores:
            await store.close()
    await recording.record(*(Message("identify", anonymous_id=f"d{n}", user_id="u") for n in range(3)))
    assert (await recording.profile(user_digest("u"))).orders == 24 + 24 + 12


async def test_redirect_lives_as_long_as_the_profile(recording: Recording, valkey: Valkey) -> None:
    key = profile_key("shop", anonymous_digest("a"))
    await recording.record(Message("identify", anonymous_id="a", user_id="u"))
    valkey.tell(f"EXPIRE {key} 60")
    await recording.record(Message("page", anonymous_id="a"))
    assert int(valkey.tell(f"TTL {key}")[1:]) > 364 * 86_400


async def test_reserved_events_create_no_profile(recording: Recording, valkey: Valkey) -> None:
    message = recording.linked("$click")
    await recording.record(Message("track", event="$click", anonymous_id="a", properties=message.properties))
    assert await recording.store.profiles.read("shop", anonymous_digest("a")) is None


async def test_profiles_expire(recording: Recording, valkey: Valkey) -> None:
    await recording.record(Message("page", anonymous_id="a"))
    seconds = int(valkey.tell(f"TTL {profile_key('shop', anonymous_digest('a'))}")[1:])
    assert 364 * 86_400 < seconds <= 365 * 86_400


async def test_concurrent_batches_of_one_visitor_are_all_counted(recording: Recording) -> None:
    await asyncio.gather(*(recording.record(order(f"m{number}", anonymous_id="v")) for number in range(200)))
    assert (await recording.profile(anonymous_digest("v"))).orders == 200
    assert len(await recording.entries()) == 200


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

    def too_late(site: str, visitor: Digest, old: bytes | None, new: bytes, ttl: int) -> object:
        return write(site, visitor, b"outdated", new, ttl)

    monkeypatch.setattr(recording.store.profiles, "compare_and_set_command", too_late)
    with pytest.raises(StoreError):
        await hasty.record(recording.site, [(0, order("m1", anonymous_id="v"))], None)
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
    before = valkey.tell("DBSIZE")
    rejections = await recording.record(Message("track"), Message("page"), Message("track", event="$click"))
    assert [(rejection.index, rejection.code) for rejection in rejections] == [
        (0, "invalid_message"),
        (1, "invalid_message"),
        (2, "unknown_decision"),
    ]
    assert valkey.tell("DBSIZE") == before


async def test_lost_update_is_rebuilt_for_the_id_that_its_history_moved_to(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker links the visitor to a user right before the write. Entries are not appended again."""
    execute, key = StoreBatch.execute, profile_key("shop", anonymous_digest("ann"))

    async def link_before_the_write(batch: StoreBatch, commands: Sequence[Command]) -> list[Any]:
        if any(command[0] == "EVALSHA" and key in command for command in commands):
            monkeypatch.setattr(StoreBatch, "execute", execute)
            link = Message("identify", "m0", "ann", "u")
            await recording.worker(recording.store).record(recording.site, [(0, link)], None)
        return await execute(batch, commands)

    monkeypatch.setattr(StoreBatch, "execute", link_before_the_write)
    await recording.record(order("m1", "ann"), order("m2", "ben"), order("m3", "ann"))
    assert StoreBatch.execute is execute
    assert [entry.name for entry in await recording.entries()] == [ORDER] * 3
    assert (await recording.profile(user_digest("u"))).orders == 2
    assert (await recording.profile(anonymous_digest("ben"))).orders == 1
