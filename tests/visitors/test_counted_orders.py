from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.activity import Activity
from edgewise.visitors.counted_orders import MAX_ORDERS, ORDER_COMPLETED, REMEMBERED, is_counted, order_key, with_order
from edgewise.visitors.merging import merge
from edgewise.visitors.products import Commerce
from edgewise.visitors.profile import Profile
from tests.visitors.activities import DAY, NOW, make_profile

keys = [order_key(ORDER_COMPLETED, str(number)) for number in range(MAX_ORDERS + 1)]


def order(id: str | None, message: int, at: int = NOW, amount: float = 10.0, event: str = ORDER_COMPLETED) -> Activity:
    key = None if id is None else order_key(event, id)
    return Activity("track", event, at, message.to_bytes(8, "little"), commerce=Commerce(amount=amount), order=key)


def test_order_counts_once_however_often_it_is_reported() -> None:
    profile = make_profile(*(order("1", number) for number in range(5)), order("2", 9))
    assert (profile.orders, profile.revenue, profile.events) == (2, 20.0, {ORDER_COMPLETED: 2})


def test_reload_changes_nothing_but_the_remembered_messages() -> None:
    profile = make_profile(order("1", 1))
    reloaded = profile.apply(order("1", 2, at=NOW + DAY))
    assert msgspec.structs.replace(reloaded, recent=profile.recent) == profile


def test_order_that_is_sent_again_is_no_repetition() -> None:
    """Its first attempt may have failed before its events were logged."""
    profile = make_profile(order("1", 1))
    assert [profile.repeats_order(order("1", message)) for message in (1, 2)] == [False, True]


def test_orders_without_an_id_all_count() -> None:
    assert make_profile(*(order(None, number) for number in range(3))).orders == 3


def test_same_id_under_another_event_name_counts() -> None:
    profile = make_profile(order("1", 1), order("1", 2, event="Signed Up"), order("1", 3, event="Signed Up"))
    assert profile.events == {ORDER_COMPLETED: 1, "Signed Up": 1}


def test_order_id_counts_again_after_its_time() -> None:
    last = NOW + REMEMBERED * 1000
    assert make_profile(order("1", 1), order("1", 2, at=last)).orders == 1
    assert make_profile(order("1", 1), order("1", 2, at=last + 1000)).orders == 2


def test_last_orders_are_kept() -> None:
    counted = b""
    for at, key in enumerate(keys):
        counted = with_order(counted, key, at, 1.0, b"first   ")
    assert [is_counted(counted, key, 0, b"again   ") for key in keys] == [False] + [True] * MAX_ORDERS
    assert len(counted) == 22 * MAX_ORDERS


def test_order_that_two_histories_counted_counts_once_after_their_merge() -> None:
    """The shop's server reports it for the user, and the page for the browser, before both are linked."""
    by_server = make_profile(order("1", 1, amount=50), order("2", 2, amount=7))
    by_page = make_profile(order("1", 3, at=NOW + 5000, amount=50), order("3", 4, amount=1))
    for both in (merge(by_server, by_page), merge(by_page, by_server)):
        assert (both.orders, both.revenue, both.events[ORDER_COMPLETED]) == (3, 58.0, 3)
        assert both.apply(order("2", 5)).orders == 3


def test_order_id_that_two_histories_counted_at_distant_times_counts_twice_after_their_merge() -> None:
    first, later = make_profile(order("1", 1)), make_profile(order("1", 2, at=NOW + REMEMBERED * 1000 + 1000))
    assert (merge(first, later).orders, merge(first, later).revenue) == (2, 20.0)


def test_rewarded_event_that_is_no_order_changes_no_count_of_orders() -> None:
    one, other = (
        make_profile(order("1", number, event="Signed Up"), order(f"{number}", number + 8)) for number in (1, 2)
    )
    assert (merge(one, other).orders, merge(one, other).revenue) == (2, 20.0)


@given(st.binary(max_size=400))
def test_damaged_bytes_are_no_error(counted: bytes) -> None:
    assert len(with_order(counted, keys[0], 1, 1.0, b"message1")) <= 22 * MAX_ORDERS


def test_profile_of_an_earlier_release_has_counted_no_order() -> None:
    assert Profile().counted_orders == b""
