from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.orders import MAX_REVENUE, NO_ORDERS, Orders

amounts = st.floats(-1e6, 1e6)


def test_completed_orders_add_revenue_and_refunds_subtract_it() -> None:
    orders = NO_ORDERS.after("Order Completed", 10.0, 5).after("Order Completed", 4.0, 3)
    assert orders.after("Order Refunded", 4.0, 9) == Orders(2, 1, 10.0, 5)
    assert orders.after("Product Viewed", 99.0, 9) is orders


def test_revenue_is_bounded() -> None:
    assert NO_ORDERS.after("Order Completed", 1e300, 1).revenue == MAX_REVENUE
    assert NO_ORDERS.after("Order Refunded", 1e300, 1).revenue == -MAX_REVENUE


@given(amounts, amounts)
def test_merging_is_commutative(one: float, other: float) -> None:
    a, b = NO_ORDERS.after("Order Completed", one, 1), NO_ORDERS.after("Order Completed", other, 2)
    assert a.merged(b) == b.merged(a)
    assert a.merged(b).count == 2
