"""Products: what Segment's e-commerce events say of them, with the properties that its specification names.

A number may come as a text that holds one, as many shops send it; what is of another type is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from edgewise.visitors.message import Properties

MAX_PRODUCTS = 100
"""Products of one message that are looked at."""

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
"""How much interest in its category and brand an event shows."""

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
"""The events whose properties are understood."""


class WrongProperty(ValueError):
    """A property is not what its event's specification says; the message says where, what was found and expected."""


class Product(NamedTuple):
    """A product of an event. `id` is its product_id, else its sku; `price` is of one piece."""

    id: str | None
    category: str | None
    brand: str | None
    price: float | None
    quantity: int


class Commerce(NamedTuple):
    """What an e-commerce event says: its products, the category of a list, and the money that an order brought."""

    products: tuple[Product, ...] = ()
    category: str | None = None
    amount: float = 0.0
    has_products: bool = False


def commerce(event: str | None, properties: Properties) -> Commerce | None:
    """What this event says of products; None for an event that is none of Segment's e-commerce ones.

    Raises:
        WrongProperty: a property is of another type than the event has.
    """
    if event not in EVENTS:
        return None
    where = "properties."
    listed = properties.products
    if listed is not None:
        if not isinstance(listed, list | tuple):
            raise _wrong(f"{where}products", listed, "a list of products")
        many = tuple(_listed(item, f"{where}products[{number}].") for number, item in enumerate(listed[:MAX_PRODUCTS]))
    else:
        one = _product(properties.product_id, properties.sku, properties, where)
        many = () if one.id is None and one.brand is None and not event.startswith("Product ") else (one,)
    category = _text(properties.category, f"{where}category")
    if event.startswith("Product List"):
        many = tuple(product._replace(id=None) for product in many)
    return Commerce(many, category, _amount(properties, where), listed is not None)


def number(value: Any, where: str) -> float | None:
    """This as a finite number; None for none.

    Raises:
        WrongProperty: it is something else.
    """
    if value is None:
        return None
    if type(value) in (int, float, str):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.nan
        if math.isfinite(found):
            return found
    raise _wrong(where, value, "a finite number")


def _amount(properties: Properties, where: str) -> float:
    """What an order brought: revenue is without shipping and tax, so it is the better one."""
    found = (
        number(properties.revenue, f"{where}revenue"),
        number(properties.total, f"{where}total"),
        number(properties.value, f"{where}value"),
    )
    return next((amount for amount in found if amount is not None), 0.0)


def _listed(item: Any, where: str) -> Product:
    if not isinstance(item, Mapping):
        raise _wrong(where.rstrip("."), item, "a product")
    told = Properties(
        **{name: item.get(name) for name in ("category", "brand", "price", "quantity")},
    )
    return _product(item.get("product_id"), item.get("sku"), told, where)


def _product(product_id: Any, sku: Any, told: Properties, where: str) -> Product:
    quantity = number(told.quantity, f"{where}quantity")
    return Product(
        _text(product_id, f"{where}product_id") or _text(sku, f"{where}sku"),
        _text(told.category, f"{where}category"),
        _text(told.brand, f"{where}brand"),
        number(told.price, f"{where}price"),
        1 if quantity is None else int(min(max(quantity, 0), 1_000_000)),
    )


def _text(value: Any, where: str) -> str | None:
    """Ids are often numbers."""
    if value is None or value == "":
        return None
    if type(value) in (int, float):
        return str(value)
    if not isinstance(value, str):
        raise _wrong(where, value, "a text")
    return value


def _wrong(where: str, value: Any, expected: str) -> WrongProperty:
    found = repr(value[:20]) if isinstance(value, str) else f"a value of type {type(value).__name__}"
    return WrongProperty(f"{where}: found {found}, expected {expected}")
