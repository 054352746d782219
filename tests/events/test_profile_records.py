from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from edgewise.errors import StoreUnavailable
from edgewise.events.profile_records import ProfileRecords
from edgewise.events.store_batch import StoreBatch
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Command, Store
from edgewise.store.keys import profile as profile_key
from edgewise.types import Digest
from edgewise.visitors.identity import Redirect, read_redirect
from edgewise.visitors.message import Message
from tests.events.recording import Recording, order
from tests.valkey import Valkey


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


async def test_redirect_lives_as_long_as_the_profile(recording: Recording, valkey: Valkey) -> None:
    key = profile_key("shop", anonymous_digest("a"))
    await recording.record(Message("identify", anonymous_id="a", user_id="u"))
    valkey.execute(f"EXPIRE {key} 60")
    await recording.record(Message("page", anonymous_id="a"))
    assert int(valkey.execute(f"TTL {key}")[1:]) > 364 * 86_400


async def test_profiles_expire(recording: Recording, valkey: Valkey) -> None:
    await recording.record(Message("page", anonymous_id="a"))
    seconds = int(valkey.execute(f"TTL {profile_key('shop', anonymous_digest('a'))}")[1:])
    assert 364 * 86_400 < seconds <= 365 * 86_400


async def test_a_long_chain_of_aliases_is_followed_and_shortened(recording: Recording, store: Store) -> None:
    ids = sorted(user_digest(f"u{number}") for number in range(1100))
    names = {user_digest(f"u{number}"): f"u{number}" for number in range(1100)}
    for id, to in itertools.pairwise(ids):
        await store.profiles.compare_and_set("shop", id, None, Redirect(to, b"").encode(), 60_000)
    assert await recording.record(Message("page", user_id=names[ids[0]])) == []
    assert (await recording.profile(ids[-1])).page_views == 1
    for id in (ids[0], ids[100], ids[500], ids[-2]):
        assert await count_redirects(store, id) <= 8
    await recording.record(Message("page", user_id=names[ids[0]]))
    assert await count_redirects(store, ids[0]) == 1
    assert (await recording.profile(ids[-1])).page_views == 2


async def test_a_request_without_enough_time_shortens_the_beginning_of_a_chain(store: Store) -> None:
    ids = sorted(user_digest(f"u{number}") for number in range(800))
    for id, to in itertools.pairwise(ids):
        await store.profiles.compare_and_set("shop", id, None, Redirect(to, b"").encode(), 60_000)

    class Hurried(StoreBatch):
        left = 600

        async def execute(self, commands: Sequence[Command]) -> list[Any]:
            self.left -= 1
            if self.left < 0:
                raise StoreUnavailable("There is no more time.")
            return await super().execute(commands)

    with pytest.raises(StoreUnavailable):
        await ProfileRecords(store, "shop", Hurried(store, 60)).resolve(ids[0])
    assert await count_redirects(store, ids[0]) < 400
    await ProfileRecords(store, "shop", Hurried(store, 60)).resolve(ids[0])
    assert await count_redirects(store, ids[0]) == 1


async def test_a_new_alias_at_the_end_of_a_long_chain_is_recorded(recording: Recording, store: Store) -> None:
    ids = sorted(user_digest(f"u{number}") for number in range(300))
    names = {user_digest(f"u{number}"): f"u{number}" for number in range(300)}
    for id, to in itertools.pairwise(ids[:-1]):
        await store.profiles.compare_and_set("shop", id, None, Redirect(to, b"").encode(), 60_000)
    alias = Message("alias", previous_id=names[ids[0]], user_id=names[ids[-1]])
    assert await recording.record(alias, Message("page", user_id=names[ids[0]])) == []
    assert (await recording.profile(ids[-1])).page_views == 1


async def count_redirects(store: Store, visitor: Digest) -> int:
    count = 0
    while (redirect := read_redirect(await store.profiles.read("shop", visitor))) is not None:
        visitor, count = redirect.to, count + 1
    return count
