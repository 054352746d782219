from __future__ import annotations

from typing import Any

import pytest

from edgewise.visitors.message import Properties
from edgewise.visitors.products import Commerce, InvalidProperty, Product, finite_number, read_commerce, read_order_id


def test_product_has_the_properties_of_segments_specification() -> None:
    properties = Properties(
        product_id="507f", sku="45790-32", category="Games", brand="Hasbro", price=18.99, quantity=2, value=18.99
    )
    assert read_commerce("Product Added", properties) == Commerce(
        (Product("507f", "Games", "Hasbro", 18.99, 2),), "Games", 18.99
    )


def test_order_has_a_list_of_products() -> None:
    products = [{"product_id": 7, "price": "9.50", "quantity": 3}, {"sku": "G-32", "category": "Games"}]
    order = read_commerce("Order Completed", Properties(products=products, total=30, revenue=25))
    assert order == Commerce(
        (Product("7", None, None, 9.5, 3), Product("G-32", "Games", None, None, 1)), None, 25.0, True
    )


@pytest.mark.parametrize(
    ("id", "text"),
    [(4711, "4711"), (4711.0, "4711"), (-0.0, "0"), (0, "0"), (1.5, "1.5"), (2**60, str(2**60)), (1e22, "1e+22")],
)
def test_a_whole_number_has_one_spelling(id: float, text: str) -> None:
    assert read_order_id(Properties(order_id=id)) == text
    order = read_commerce("Order Completed", Properties(products=[{"product_id": id}]))
    assert order is not None
    assert order.products[0].id == text


def test_viewed_product_list_has_no_product_ids() -> None:
    viewed = read_commerce("Product List Viewed", Properties(category="Games", products=[{"product_id": "1"}]))
    assert viewed is not None
    assert (viewed.category, viewed.products[0].id) == ("Games", None)


def test_properties_of_other_events_are_ignored() -> None:
    assert read_commerce("Video Played", Properties(price=[], products=5)) is None
    assert read_commerce(None, Properties(price=[])) is None


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (Properties(price="cheap"), "properties.price: Expected a finite number, found 'cheap'."),
        (Properties(quantity=[]), "properties.quantity: Expected a finite number, found a list."),
        (Properties(brand={}), "properties.brand: Expected a text, found an object."),
        (Properties(product_id=True), "properties.product_id: Expected a text, found a boolean."),
        (Properties(products={}), "properties.products: Expected a list of products, found an object."),
        (Properties(products=[{}, 5]), "properties.products[1]: Expected a product, found a whole number."),
        (
            Properties(products=[{"price": []}]),
            "properties.products[0].price: Expected a finite number, found a list.",
        ),
    ],
)
def test_property_of_another_type_is_refused_with_its_path(properties: Properties, message: str) -> None:
    with pytest.raises(InvalidProperty) as wrong:
        read_commerce("Order Completed", properties)
    assert str(wrong.value) == message


@pytest.mark.parametrize("quantity", [-5, 0, 1e300, "3.7"])
def test_quantity_is_bounded(quantity: Any) -> None:
    added = read_commerce("Product Added", Properties(product_id="a", quantity=quantity))
    assert added is not None
    assert 0 <= added.products[0].quantity <= 1_000_000


@pytest.mark.parametrize(("value", "number"), [(3, 3.0), (2.5, 2.5), ("4", 4.0), ("x", None), (True, None), ([], None)])
def test_finite_number_accepts_numbers_and_texts_that_hold_one(value: Any, number: float | None) -> None:
    assert finite_number(value) == number


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "-inf", 10**400])
def test_finite_number_refuses_numbers_that_are_not_finite(value: Any) -> None:
    assert finite_number(value) is None
