"""The cart: the products that a visitor added, and neither removed nor ordered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from edgewise.visitors.names import Count, Seconds, add_counts, bounded
from edgewise.visitors.products import Commerce, Product

MAX_ITEMS = 6
MAX_PRICE = 1e9


class Item(Struct, frozen=True, array_like=True, gc=False):
    """A product in the cart: its quantity, the price of one piece, and when it changed last."""

    touched: Seconds
    quantity: Count
    price: float


class Cart(Struct, frozen=True, array_like=True):
    """The items by product id, the number of additions and removals, and when an order emptied the cart last."""

    items: Annotated[dict[str, Item], Meta(max_length=MAX_ITEMS)] = {}
    added: Count = 0
    removed: Count = 0
    touched: Seconds = 0
    emptied: Seconds = 0

    @property
    def quantity(self) -> int:
        quantity = 0
        for item in self.items.values():
            quantity += item.quantity
        return quantity

    @property
    def value(self) -> float:
        return sum(item.quantity * item.price for item in self.items.values())

    def after(self, event: str | None, commerce: Commerce, at: int) -> Cart:
        if event == "Product Added":
            cart = self
            for product in commerce.products:
                cart = cart._with(product, at)
            return replace(cart, added=add_counts(self.added), touched=max(self.touched, at))
        if event == "Product Removed":
            cart = self
            for product in commerce.products:
                cart = cart._without(product, at)
            return replace(cart, removed=add_counts(self.removed), touched=max(self.touched, at))
        if event == "Order Completed":
            emptied = max(self.emptied, at)
            return replace(self, items=_since(self.items, emptied), emptied=emptied)
        if event == "Cart Viewed" and commerce.has_products and at >= self.touched:
            cart = replace(self, items={}, touched=at)
            for product in commerce.products:
                cart = cart._with(product, at)
            return cart
        return self

    def merged(self, other: Cart) -> Cart:
        """Merge two carts. For a product in both, the item that changed last wins."""
        emptied = max(self.emptied, other.emptied)
        both = {
            name: max((cart.items[name] for cart in (self, other) if name in cart.items), key=_merge_order)
            for name in self.items.keys() | other.items.keys()
        }
        return Cart(
            _newest(_since(both, emptied)),
            add_counts(self.added, other.added),
            add_counts(self.removed, other.removed),
            max(self.touched, other.touched),
            emptied,
        )

    def _with(self, product: Product, at: int) -> Cart:
        if product.id is None or at <= self.emptied:
            return self
        name = bounded(product.id)
        had = self.items.get(name)
        price = min(max(product.price, 0.0), MAX_PRICE) if product.price is not None else had.price if had else 0.0
        quantity = add_counts(had.quantity if had else 0, product.quantity)
        touched = max(at, had.touched if had else 0)
        return replace(self, items=_newest({**self.items, name: Item(touched, quantity, price)}))

    def _without(self, product: Product, at: int) -> Cart:
        name = None if product.id is None else bounded(product.id)
        if name is None or name not in self.items:
            return self
        had = self.items[name]
        left = had.quantity - product.quantity
        items = {**self.items, name: Item(max(at, had.touched), left, had.price)}
        if left <= 0:
            del items[name]
        return replace(self, items=items)


def _merge_order(item: Item) -> tuple[int, int, float]:
    return item.touched, item.quantity, item.price


def _since(items: Mapping[str, Item], emptied: int) -> dict[str, Item]:
    return {name: item for name, item in items.items() if item.touched > emptied}


def _newest(items: Mapping[str, Item]) -> dict[str, Item]:
    if len(items) <= MAX_ITEMS:
        return dict(sorted(items.items()))
    kept = sorted(items.items(), key=lambda item: (-item[1].touched, item[0]))[:MAX_ITEMS]
    return dict(sorted(kept))
