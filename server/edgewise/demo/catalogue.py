"""The demo shop's products, its product lists, and a visitor's basket."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

SHOP = Path(__file__).with_name("shop")
"""The folder of the shop's pages, pictures and products."""

FREE_DELIVERY_FROM = 40.0
DELIVERY_FEE = 4.9
"""In euros."""

MAX_QUANTITY = 9
"""The most pieces of one product in a basket."""

Json: TypeAlias = dict[str, Any]


class ShopProduct(NamedTuple):
    """Prices are in euros. `was` is the price before the sale."""

    id: str
    name: str
    category: str
    price: float
    line: str
    text: str
    facts: tuple[str, ...]
    was: float | None = None
    new: bool = False

    def event_properties(self, quantity: int = 1) -> Json:
        """The product in the form of Segment's e-commerce events."""
        about = {"product_id": self.id, "name": self.name, "category": self.category}
        return {**about, "price": self.price, "quantity": quantity}


class ProductList(NamedTuple):
    """A page that lists products. Without a `category`, it lists those of all categories."""

    title: str
    lead: str
    category: str | None = None
    is_new: bool = False
    is_reduced: bool = False

    def includes(self, product: ShopProduct) -> bool:
        return (
            self.category in (None, product.category)
            and (product.new or not self.is_new)
            and (product.was is not None or not self.is_reduced)
        )


PRODUCT_LISTS: Mapping[str, ProductList] = {
    "/all": ProductList("Everything", "Twelve things. We use every one of them ourselves, most of them before eight."),
    "/new": ProductList("Just in", "New this week: everything for a better cup.", is_new=True),
    "/sale": ProductList(
        "20% off everything light",
        "Linen for the long days, and a spoon that weighs nothing. Until Sunday.",
        is_reduced=True,
    ),
    "/c/tea": ProductList("Tea", "Boil, wait, pour. A good pot makes the waiting easy.", "tea"),
    "/c/coffee": ProductList("Coffee", "By hand. We are in no hurry, so we need no machine.", "coffee"),
    "/c/linen": ProductList("Linen", "Washed soft, and better with every summer.", "linen"),
    "/c/wood": ProductList("Oak & walnut", "From the next valley, dried for three winters.", "wood"),
}
"""The product lists by their paths."""


class Catalogue(NamedTuple):
    """The products by their ids, and the categories' names by theirs."""

    products: Mapping[str, ShopProduct]
    categories: Mapping[str, str]


class Basket(NamedTuple):
    """The quantity of each product, in the order in which a visitor added them. `str()` gives the cookie's value."""

    counts: Mapping[ShopProduct, int]

    @classmethod
    def read(cls, text: str, catalogue: Catalogue) -> Basket:
        """Parse the value of a cookie. Entries that are invalid are ignored."""
        counts = {}
        for entry in text.split("."):
            id, _, count = entry.partition(":")
            if id in catalogue.products and count.isascii() and count.isdigit() and int(count):
                counts[catalogue.products[id]] = min(int(count), MAX_QUANTITY)
        return cls(counts)

    def __str__(self) -> str:
        return ".".join(f"{product.id}:{count}" for product, count in self.counts.items())

    def added(self, product: ShopProduct) -> Basket:
        return Basket({**self.counts, product: min(self.counts.get(product, 0) + 1, MAX_QUANTITY)})

    def without(self, product: ShopProduct) -> Basket:
        return Basket({one: count for one, count in self.counts.items() if one != product})

    @property
    def pieces(self) -> int:
        return sum(self.counts.values())

    @property
    def value(self) -> float:
        """In euros, without delivery."""
        return sum(product.price * count for product, count in self.counts.items())

    @property
    def delivery(self) -> float:
        return 0.0 if self.value >= FREE_DELIVERY_FROM else DELIVERY_FEE

    def event_products(self) -> list[Json]:
        """The products in the form of Segment's e-commerce events."""
        return [product.event_properties(count) for product, count in self.counts.items()]


def load_catalogue() -> Catalogue:
    content = tomllib.loads((SHOP / "products.toml").read_text())
    products = (ShopProduct(**{**one, "facts": tuple(one["facts"])}) for one in content["products"])
    return Catalogue({product.id: product for product in products}, content["categories"])


def euros(amount: float) -> str:
    """Format a price, such as €39 or €22.50."""
    return f"€{amount:.0f}" if amount == int(amount) else f"€{amount:.2f}"
