from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.activity import Act
from edgewise.visitors.cart import Cart
from edgewise.visitors.products import Commerce
from tests.visitors.acts import DAY, NOW, act, acts, lived, product


def cart(*many: Act) -> Cart:
    return lived(*many).cart


def test_what_was_added_and_neither_removed_nor_bought_is_left_behind() -> None:
    left = cart(
        act("Product Added", message=1, products=(product("a", 2, 5.0),)),
        act("Product Added", NOW + 1000, 2, products=(product("b", 1, 7.0),)),
        act("Product Removed", NOW + 2000, 3, products=(product("a", 1),)),
    )
    assert (left.quantity, left.value, left.added, left.removed) == (2, 12.0, 2, 1)
    assert left.touched == (NOW + 2000) // 1000


def test_an_order_empties_it_and_what_comes_late_does_not_fill_it_again() -> None:
    emptied = cart(
        act("Product Added", message=1, products=(product("a"),)),
        act("Order Completed", NOW + 5000, 2),
        act("Product Added", NOW + 1000, 3, products=(product("b"),)),
    )
    assert emptied.items == {}
    assert emptied.added == 2


def test_a_cart_that_is_viewed_is_what_is_shown() -> None:
    added = act("Product Added", message=1, products=(product("a"),))
    viewed = act("Cart Viewed", NOW + DAY, 2)._replace(commerce=Commerce((product("b", 3),), None, 0.0, True))
    assert list(cart(added, viewed).items) == ["b"]
    assert list(cart(added, act("Cart Viewed", NOW + DAY, 3)).items) == ["a"]


@given(st.lists(acts, max_size=10), st.lists(acts, max_size=10), st.lists(acts, max_size=10))
def test_merging_carts_is_commutative_and_items_twice_are_one(
    one: list[Act], other: list[Act], third: list[Act]
) -> None:
    a, b, c = cart(*one), cart(*other), cart(*third)
    assert a.merged(b) == b.merged(a)
    assert a.merged(a).items == a.items
    assert a.merged(b).merged(c) == a.merged(b.merged(c))
