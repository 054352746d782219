"""The shelves: the shop's lists of products, by their paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from edgewise.demo.catalogue import Product


class Shelf(NamedTuple):
    """`category` is that of its products, if they have one in common."""

    title: str
    lead: str
    category: str | None = None
    is_new: bool = False
    is_reduced: bool = False

    def has(self, product: Product) -> bool:
        """Whether a product is on it."""
        return (
            self.category in (None, product.category)
            and (product.new or not self.is_new)
            and (product.was is not None or not self.is_reduced)
        )


SHELVES: Mapping[str, Shelf] = {
    "/all": Shelf("Everything", "Twelve things. We use every one of them ourselves, most of them before eight."),
    "/new": Shelf("Just in", "What arrived this week: all that it takes for a better cup.", is_new=True),
    "/sale": Shelf(
        "20% off everything light",
        "Linen for the long days, and a spoon that weighs nothing. Until Sunday.",
        is_reduced=True,
    ),
    "/c/tea": Shelf("Tea", "Boil, wait, pour. For the waiting there is a good pot.", "tea"),
    "/c/coffee": Shelf("Coffee", "By hand: the machine always seemed to be in more of a hurry than we are.", "coffee"),
    "/c/linen": Shelf("Linen", "Washed soft, and better with every summer.", "linen"),
    "/c/wood": Shelf("Oak & walnut", "From the next valley, dried for three winters.", "wood"),
}
