from __future__ import annotations

import asyncio

import pytest

from edgewise.events.recorder import Recorder
from edgewise.ids.visitor import VisitorIds, anonymous_digest, user_digest
from edgewise.privacy.access import VisitorData
from edgewise.serving.follower import Follower
from edgewise.store import Store
from edgewise.types import Digest
from edgewise.visitors.identity import Redirect, read_profile
from edgewise.visitors.message import Message
from edgewise.visitors.profile import Profile
from edgewise.visitors.traits import Value
from edgewise.webhooks.triggers import NO_TRIGGERS
from tests.events.recording import FROM_SERVER, IDS
from tests.learner.published_policy import PublishedPolicy
from tests.visitors.activities import make_activity, make_profile

ANN, BEN = VisitorIds(anonymous_id="ann"), VisitorIds(user_id="ben")


@pytest.fixture
def visitor_data(store: Store) -> VisitorData:
    return VisitorData(store)


async def traits(visitor_data: VisitorData, id: str) -> dict[str, Value]:
    records = (await visitor_data.read_records("shop", id)).values()
    return {name: value for stored in records for name, (_, value) in read_profile(stored).traits.items()}


async def test_traits_of_a_new_id_create_a_profile(visitor_data: VisitorData) -> None:
    await visitor_data.set_traits("shop", BEN, {"plan": "pro"}, NO_TRIGGERS)
    assert (await visitor_data.read_records("shop", "ben")).keys() == {user_digest("ben")}
    assert await traits(visitor_data, "ben") == {"plan": "pro"}


async def test_traits_that_were_set_later_stay(visitor_data: VisitorData) -> None:
    await visitor_data.set_traits("shop", ANN, {"plan": "pro"}, NO_TRIGGERS)
    await visitor_data.set_traits("shop", ANN, {"plan": "free", "age": 30}, NO_TRIGGERS, at=1000)
    assert await traits(visitor_data, "ann") == {"plan": "pro", "age": 30}


async def test_concurrent_traits_are_all_kept(visitor_data: VisitorData) -> None:
    await asyncio.gather(*(visitor_data.set_traits("shop", ANN, {f"t{n}": n}, NO_TRIGGERS) for n in range(5)))
    assert await traits(visitor_data, "ann") == {f"t{n}": n for n in range(5)}


async def test_ids_in_a_profile_are_found_and_not_followed(visitor_data: VisitorData, store: Store) -> None:
    phone, user = anonymous_digest("phone"), user_digest("ben")
    profile = make_profile(make_activity(ids=(phone, user)))
    other = make_profile(make_activity(ids=(phone, anonymous_digest("other"))))
    await store.profiles.compare_and_set("shop", user, None, profile.encode(), 60_000)
    await store.profiles.compare_and_set("shop", phone, None, other.encode(), 60_000)
    assert await visitor_data.find_ids("shop", "ben") == {user, anonymous_digest("ben"), phone}


async def test_erasure_deletes_profiles_and_is_handed_to_the_learner(visitor_data: VisitorData, store: Store) -> None:
    await visitor_data.set_traits("shop", BEN, {"plan": "pro"}, NO_TRIGGERS)
    visitors = await visitor_data.erase("shop", "ben", 0)
    assert await visitor_data.read_records("shop", "ben") == {}
    pending = (await store.erasures.pending(["shop"]))["shop"]
    assert set(pending.waiting) == set(visitors) == {user_digest("ben"), anonymous_digest("ben")}


async def linked(store: Store, *messages: Message) -> None:
    """Record messages of a server."""
    follower = Follower(store)
    await follower.refresh()
    recorder = Recorder(store, IDS, follower.find)
    for message in messages:
        assert await recorder.record(follower.sites["shop"], [(0, message)], None, FROM_SERVER) == []


def page(anonymous_id: str | None = None, user_id: str | None = None) -> Message:
    return Message("page", anonymous_id=anonymous_id, user_id=user_id)


async def views(store: Store, *visitors: Digest) -> list[int]:
    return [read_profile(await store.profiles.read("shop", visitor)).page_views for visitor in visitors]


async def test_unlinked_device_begins_a_new_history(store: Store) -> None:
    await PublishedPolicy(store).publish()
    phone, laptop, ann = anonymous_digest("phone"), anonymous_digest("laptop"), user_digest("ann")
    await linked(store, page("phone"), page("phone", "ann"), page("laptop", "ann"))
    visitor_data = VisitorData(store)
    assert await visitor_data.unlink("shop", "phone") == {phone}
    assert await visitor_data.unlink("shop", "phone") == frozenset()
    await linked(store, page("phone"))
    assert await views(store, phone, ann) == [1, 3]
    assert await visitor_data.find_ids("shop", "ann") == {ann, anonymous_digest("ann"), laptop}
    assert ann not in await visitor_data.find_ids("shop", "phone")
    await linked(store, page("phone", "ann"))
    assert await views(store, ann) == [5], "a login joins them again"


async def test_wrong_alias_of_two_users_is_undone_from_either_side(store: Store) -> None:
    await PublishedPolicy(store).publish()
    visitor_data = VisitorData(store)
    for one, other, named in (("ann", "bob", "ann"), ("cid", "dan", "dan")):
        await linked(store, page(user_id=one), page(user_id=other))
        await linked(store, Message("alias", previous_id=one, user_id=other))
        unlinked = await visitor_data.unlink("shop", named)
        assert unlinked & {user_digest(one), user_digest(other)}
        await linked(store, page(user_id=one), page(user_id=other))
        assert sorted(await views(store, user_digest(one), user_digest(other)))[0] == 1
        both = await visitor_data.find_ids("shop", one) & await visitor_data.find_ids("shop", other)
        assert not both & {user_digest(one), user_digest(other)}


async def test_half_moved_history_arrives_before_its_id_is_unlinked(store: Store) -> None:
    await PublishedPolicy(store).publish()
    phone, ann = anonymous_digest("phone"), user_digest("ann")
    moving = Profile(page_views=7, ids=(phone,)).encode()
    await store.profiles.compare_and_set("shop", phone, None, Redirect(ann, moving).encode(), 60_000)
    assert await VisitorData(store).unlink("shop", "phone") == {phone}
    assert await views(store, phone, ann) == [0, 7]
