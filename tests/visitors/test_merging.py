from __future__ import annotations

import math
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.activity import Activity
from edgewise.visitors.counted_orders import MAX_ORDERS, REMEMBERED
from edgewise.visitors.merging import merge
from edgewise.visitors.profile import Profile
from tests.visitors.activities import activities, make_activity, make_profile

histories = st.lists(activities, max_size=15)


@given(histories, histories)
def test_merging_is_commutative(one: list[Activity], other: list[Activity]) -> None:
    a, b = make_profile(*one), make_profile(*other)
    assert merge(a, b) == merge(b, a)
    assert merge(a, b).encode() == merge(b, a).encode()


@given(histories)
def test_merging_with_an_empty_profile_changes_nothing(one: list[Activity]) -> None:
    assert merge(make_profile(*one), Profile()) == make_profile(*one)


@given(histories, histories, histories)
def test_counters_of_three_histories_add_up_in_any_order(
    one: list[Activity], other: list[Activity], third: list[Activity]
) -> None:
    a, b, c = make_profile(*one), make_profile(*other), make_profile(*third)
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    for name in ("sessions", "page_views", "searches", "products_viewed", "engaged", "origin", "cart"):
        assert getattr(left, name) == getattr(right, name)
    times = [activity.at for activity in (*one, *other, *third) if activity.order is not None]
    if times and (len(times) > MAX_ORDERS or max(times) - min(times) > 1000 * REMEMBERED):
        return  # An order that is forgotten in between counts again.
    assert left.orders == right.orders
    assert math.isclose(left.revenue, right.revenue, rel_tol=1e-9, abs_tol=1e-3) or abs(left.revenue) >= 1e10


def test_an_order_that_three_histories_report_differently_counts_once() -> None:
    """The latest report counts, whichever two histories are merged first."""
    reports = [
        make_profile(make_activity("Order Completed", at=1000 * n, message=n, amount=10.0 * n, order=b"\x80order"))
        for n in (1, 2, 3)
    ]
    for a, b, c in permutations(reports):
        merged = merge(merge(a, b), c)
        assert (merged.orders, merged.revenue) == (1, 30.0)


def test_merged_profile_ignores_repeated_messages_of_both_histories() -> None:
    both = merge(make_profile(make_activity(message=1)), make_profile(make_activity(message=2)))
    assert both.apply(make_activity(message=1)) == both
    assert both.apply(make_activity(message=2)) == both


def test_merged_profile_keeps_the_earlier_origin() -> None:
    later = make_profile(make_activity(at=2000, ids=(b"aaaaaaaa",)))
    first = make_profile(make_activity(at=1000, ids=(b"bbbbbbbb",)))
    assert merge(later, first).origin == merge(first, later).origin == (1000, b"bbbbbbbb")
