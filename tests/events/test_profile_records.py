from __future__ import annotations

from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store.keys import profile as profile_key
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
