"""Products and revenue in Segment's e-commerce events, with the properties that its specification names.

A number may come as a text, because many shops send it so. A property of another type is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from edgewise.config.messages import json_noun
from edgewise.visitors.message import Properties

MAX_PRODUCTS = 100
"""Products that are read from one message."""

WEIGHTS: Mapping[str, float] = {
    "Product Clicked": 0.5,
    "Product Viewed": 1.0,
    "Product List Viewed": 1.0,
    "Product List Filtered": 1.0,
    "Product Shared": 2.0,
    "Product Added to Wishlist": 2.0,
    "Product Added": 3.0,
    "Order Completed": 5.0,
}
"""The interest in its category and brand that an event shows."""

EVENTS = frozenset(
    {
        *WEIGHTS,
        "Product Removed",
        "Cart Viewed",
        "Checkout Started",
        "Order Updated",
        "Order Refunded",
        "Order Cancelled",
        "Products Searched",
    }
)
"""The events whose properties are read."""


_LARGEST_WHOLE = 2.0**53
"""Beyond it, a float may be the nearest one of another whole number."""


class InvalidProperty(ValueError):
    """A property of an e-commerce event has the wrong type. The message begins with its path."""


class Product(NamedTuple):
    """A product of an event. `id` is its product_id, else its sku. `price` is for one piece."""

    id: str | None
    category: str | None
    brand: str | None
    price: float | None
    quantity: int


class Commerce(NamedTuple):
    """An e-commerce event: its products, the category of a list, and the revenue of an order."""

    products: tuple[Product, ...] = ()
    category: str | None = None
    amount: float = 0.0
    has_products: bool = False


def read_commerce(event: str | None, properties: Properties) -> Commerce | None:
    """Read an e-commerce event. Return None for any other event.

    Raises:
        InvalidProperty: a property has the wrong type.
    """
    if event not in EVENTS:
        return None
    path = "properties."
    listed = properties.products
    if listed is not None:
        if not isinstance(listed, list | tuple):
            raise _invalid(f"{path}products", listed, "a list of products")
        many = tuple(_listed(item, f"{path}products[{number}].") for number, item in enumerate(listed[:MAX_PRODUCTS]))
    else:
        one = _product(properties.product_id, properties.sku, properties, path)
        many = () if one.id is None and one.brand is None and not event.startswith("Product ") else (one,)
    category = _text(properties.category, f"{path}category")
    if event.startswith("Product List"):
        many = tuple(product._replace(id=None) for product in many)
    return Commerce(many, category, _amount(properties, path), listed is not None)


def read_order_id(properties: Properties) -> str | None:
    """
    Raises:
        InvalidProperty: the id is neither a text nor a number.
    """
    found = _text(properties.order_id, "properties.order_id") or _text(properties.camel_order_id, "properties.orderId")
    return None if found is None else found.strip() or None


def finite_number(value: Any) -> float | None:
    """Convert a number, or a text that holds one. Return None if it is neither, or not finite."""
    if type(value) not in (int, float, str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _read_number(value: Any, path: str) -> float | None:
    if value is None:
        return None
    number = finite_number(value)
    if number is None:
        raise _invalid(path, value, "a finite number")
    return number


def _amount(properties: Properties, path: str) -> float:
    """The revenue of an order. `revenue` comes first, because it excludes shipping and tax."""
    found = (
        _read_number(properties.revenue, f"{path}revenue"),
        _read_number(properties.total, f"{path}total"),
        _read_number(properties.value, f"{path}value"),
    )
    return next((amount for amount in found if amount is not None), 0.0)


def _listed(item: Any, path: str) -> Product:
    if not isinstance(item, Mapping):
        raise _invalid(path.rstrip("."), item, "a product")
    fields = Properties(
        **{name: item.get(name) for name in ("category", "brand", "price", "quantity")},
    )
    return _product(item.get("product_id"), item.get("sku"), fields, path)


def _product(product_id: Any, sku: Any, fields: Properties, path: str) -> Product:
    quantity = _read_number(fields.quantity, f"{path}quantity")
    return Product(
        _text(product_id, f"{path}product_id") or _text(sku, f"{path}sku"),
        _text(fields.category, f"{path}category"),
        _text(fields.brand, f"{path}brand"),
        _read_number(fields.price, f"{path}price"),
        1 if quantity is None else int(min(max(quantity, 0), 1_000_000)),
    )


def _text(value: Any, path: str) -> str | None:
    """Read a text. A number is accepted, because ids are often numbers: 4711, 4711.0 and "4711" are one id."""
    if value is None or value == "":
        return None
    if type(value) in (int, float):
        return str(int(value) if value == round(value) and abs(value) < _LARGEST_WHOLE else value)
    if not isinstance(value, str):
        raise _invalid(path, value, "a text")
    return value


def _invalid(path: str, value: Any, expected: str) -> InvalidProperty:
    found = repr(value[:20]) if isinstance(value, str) else json_noun(value)
    return InvalidProperty(f"{path}: Expected {expected}, found {found}.")
