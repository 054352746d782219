"""The catalogue: what the demo's shop sells, and what a visitor has put in the basket."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

SHOP = Path(__file__).with_name("shop")
"""Where the shop's pages, pictures and products are."""

FREE_FROM = 40.0
DELIVERY = 4.9
"""Euros: from which sum delivery is free, and what it costs below."""

MOST_OF_ONE = 9

Json: TypeAlias = dict[str, Any]


class Product(NamedTuple):
    """Something to buy. Prices are in euros; `was` is the price before the sale."""

    id: str
    name: str
    category: str
    price: float
    line: str
    text: str
    facts: tuple[str, ...]
    was: float | None = None
    new: bool = False

    def told(self, quantity: int = 1) -> Json:
        """The product, as Segment's e-commerce events tell of one."""
        of_it = {"product_id": self.id, "name": self.name, "category": self.category}
        return {**of_it, "price": self.price, "quantity": quantity}


class Catalogue(NamedTuple):
    """The products by their ids, and the categories' names by theirs."""

    products: Mapping[str, Product]
    categories: Mapping[str, str]


class Basket(NamedTuple):
    """How many of each product somebody has, in the order in which they were put in. As text, it is a cookie."""

    counts: Mapping[Product, int]

    @classmethod
    def read(cls, text: str, catalogue: Catalogue) -> Basket:
        """What a cookie says; what it says wrongly is left out."""
        counts = {}
        for entry in text.split("."):
            id, _, count = entry.partition(":")
            if id in catalogue.products and count.isascii() and count.isdigit() and int(count):
                counts[catalogue.products[id]] = min(int(count), MOST_OF_ONE)
        return cls(counts)

    def __str__(self) -> str:
        return ".".join(f"{product.id}:{count}" for product, count in self.counts.items())

    def added(self, product: Product) -> Basket:
        return Basket({**self.counts, product: min(self.counts.get(product, 0) + 1, MOST_OF_ONE)})

    def without(self, product: Product) -> Basket:
        return Basket({one: count for one, count in self.counts.items() if one != product})

    @property
    def pieces(self) -> int:
        return sum(self.counts.values())

    @property
    def value(self) -> float:
        """What its things cost, in euros."""
        return sum(product.price * count for product, count in self.counts.items())

    @property
    def delivery(self) -> float:
        return 0.0 if self.value >= FREE_FROM else DELIVERY

    def told(self) -> list[Json]:
        """The products, as Segment's e-commerce events tell of them."""
        return [product.told(count) for product, count in self.counts.items()]


def catalogue() -> Catalogue:
    """What stands in `products.toml`."""
    told = tomllib.loads((SHOP / "products.toml").read_text())
    products = (Product(**{**one, "facts": tuple(one["facts"])}) for one in told["products"])
    return Catalogue({product.id: product for product in products}, told["categories"])


def euros(amount: float) -> str:
    """€39, €22.50."""
    return f"€{amount:.0f}" if amount == int(amount) else f"€{amount:.2f}"
