from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.activity import Activity
from edgewise.visitors.future_times import TOLERANCE, without_future_times
from edgewise.visitors.products import Commerce, Product
from edgewise.visitors.profile import Profile
from edgewise.visitors.traits import BY_SERVER
from tests.visitors.activities import DAY, MINUTE, NOW, activities

PRODUCT = Commerce((Product("p1", None, None, 3.0, 1),), has_products=True)


def activity(name: str, at: int, number: int, commerce: Commerce | None = PRODUCT) -> Activity:
    return Activity("track", name, at, number.to_bytes(8, "little"), (b"visitor1",), commerce)


@given(st.lists(activities, max_size=6))
def test_no_time_of_a_profile_is_in_the_future_and_it_stays_valid(applied: list[Activity]) -> None:
    profile = Profile()
    for one in applied:
        profile = profile.apply(one)
    limited = without_future_times(profile, NOW)
    assert limited.last_seen <= NOW + TOLERANCE
    assert all(at % BY_SERVER <= (NOW + TOLERANCE) // 1000 for at, _ in limited.traits.values())
    assert without_future_times(limited, NOW) is limited
    if profile.last_seen <= NOW and not profile.traits:
        assert limited is profile


def test_visitor_of_a_clock_that_was_ahead_starts_sessions_and_fills_a_cart_again() -> None:
    ahead = NOW + 3 * DAY
    profile = Profile().apply(activity("Order Completed", ahead, 1))
    profile = profile.apply(Activity("identify", None, ahead, b"MORE2222", (b"visitor1",), traits={"plan": "free"}))
    stuck = profile.apply(activity("Product Added", NOW + MINUTE, 3))
    assert (stuck.sessions, stuck.cart.quantity) == (1, 0)
    limited = without_future_times(profile, NOW)
    changed = limited.apply(activity("Product Added", NOW + 40 * MINUTE, 3))
    changed = changed.apply(
        Activity("identify", None, NOW + 41 * MINUTE, b"MESSAGE4", (b"visitor1",), traits={"plan": "pro"})
    )
    assert (changed.sessions, changed.cart.quantity) == (2, 1)
    assert changed.traits["plan"][1] == "pro"
