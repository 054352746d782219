from __future__ import annotations

import asyncio

import pytest

from edgewise.ids.visitor import VisitorIds, anonymous_digest, user_digest
from edgewise.privacy.access import VisitorData
from edgewise.store import Store
from edgewise.visitors.identity import read_profile
from edgewise.visitors.traits import Value
from edgewise.webhooks.triggers import NO_TRIGGERS
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
