from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.activity import Activity
from edgewise.visitors.cart import Cart
from edgewise.visitors.products import Commerce
from tests.visitors.activities import DAY, NOW, activities, make_activity, make_product, make_profile


def cart(*many: Activity) -> Cart:
    return make_profile(*many).cart


def test_cart_has_what_was_added_and_neither_removed_nor_ordered() -> None:
    left = cart(
        make_activity("Product Added", message=1, products=(make_product("a", 2, 5.0),)),
        make_activity("Product Added", NOW + 1000, 2, products=(make_product("b", 1, 7.0),)),
        make_activity("Product Removed", NOW + 2000, 3, products=(make_product("a", 1),)),
    )
    assert (left.quantity, left.value, left.added, left.removed) == (2, 12.0, 2, 1)
    assert left.touched == (NOW + 2000) // 1000


def test_order_empties_the_cart_and_late_events_do_not_fill_it() -> None:
    emptied = cart(
        make_activity("Product Added", message=1, products=(make_product("a"),)),
        make_activity("Order Completed", NOW + 5000, 2),
        make_activity("Product Added", NOW + 1000, 3, products=(make_product("b"),)),
    )
    assert emptied.items == {}
    assert emptied.added == 2


def test_viewed_cart_replaces_the_items() -> None:
    added = make_activity("Product Added", message=1, products=(make_product("a"),))
    commerce = Commerce((make_product("b", 3),), None, 0.0, True)
    viewed = make_activity("Cart Viewed", NOW + DAY, 2)._replace(commerce=commerce)
    assert list(cart(added, viewed).items) == ["b"]
    assert list(cart(added, make_activity("Cart Viewed", NOW + DAY, 3)).items) == ["a"]


@given(st.lists(activities, max_size=10), st.lists(activities, max_size=10), st.lists(activities, max_size=10))
def test_merging_carts_is_commutative_associative_and_idempotent(
    one: list[Activity], other: list[Activity], third: list[Activity]
) -> None:
    a, b, c = cart(*one), cart(*other), cart(*third)
    assert a.merged(b) == b.merged(a)
    assert a.merged(a).items == a.items
    assert a.merged(b).merged(c) == a.merged(b.merged(c))
