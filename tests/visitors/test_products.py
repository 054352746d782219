from __future__ import annotations

from typing import Any

import pytest

from edgewise.visitors.message import Properties
from edgewise.visitors.products import Commerce, Product, WrongProperty, commerce


def test_a_products_properties_are_segments() -> None:
    properties = Properties(
        product_id="507f", sku="45790-32", category="Games", brand="Hasbro", price=18.99, quantity=2, value=18.99
    )
    assert commerce("Product Added", properties) == Commerce(
        (Product("507f", "Games", "Hasbro", 18.99, 2),), "Games", 18.99
    )


def test_an_order_has_a_list_of_products() -> None:
    products = [{"product_id": 7, "price": "9.50", "quantity": 3}, {"sku": "G-32", "category": "Games"}]
    order = commerce("Order Completed", Properties(products=products, total=30, revenue=25))
    assert order == Commerce(
        (Product("7", None, None, 9.5, 3), Product("G-32", "Games", None, None, 1)), None, 25.0, True
    )


def test_of_a_product_list_only_the_category_is_viewed() -> None:
    viewed = commerce("Product List Viewed", Properties(category="Games", products=[{"product_id": "1"}]))
    assert viewed is not None
    assert (viewed.category, viewed.products[0].id) == ("Games", None)


def test_other_events_may_mean_anything_by_the_same_names() -> None:
    assert commerce("Video Played", Properties(price=[], products=5)) is None
    assert commerce(None, Properties(price=[])) is None


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (Properties(price="cheap"), "properties.price: found 'cheap', expected a finite number"),
        (Properties(quantity=[]), "properties.quantity: found a value of type list, expected a finite number"),
        (Properties(brand={}), "properties.brand: found a value of type dict, expected a text"),
        (Properties(product_id=True), "properties.product_id: found a value of type bool, expected a text"),
        (Properties(products={}), "properties.products: found a value of type dict, expected a list of products"),
        (Properties(products=[{}, 5]), "properties.products[1]: found a value of type int, expected a product"),
        (
            Properties(products=[{"price": []}]),
            "properties.products[0].price: found a value of type list, expected a finite number",
        ),
    ],
)
def test_what_is_of_another_type_is_refused_with_its_path(properties: Properties, message: str) -> None:
    with pytest.raises(WrongProperty) as wrong:
        commerce("Order Completed", properties)
    assert str(wrong.value) == message


@pytest.mark.parametrize("quantity", [-5, 0, 1e300, "3.7"])
def test_a_quantity_is_a_count_within_reason(quantity: Any) -> None:
    added = commerce("Product Added", Properties(product_id="a", quantity=quantity))
    assert added is not None
    assert 0 <= added.products[0].quantity <= 1_000_000
