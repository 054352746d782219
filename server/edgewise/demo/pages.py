"""The pages of the demo's shop, as a customer of Edgewise would write them: markup, one tag, the head's stub."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from functools import cache
from html import escape
from itertools import islice
from pathlib import Path
from string import Template
from typing import NamedTuple
from uuid import uuid4

import edgewise
from edgewise.demo.catalogue import SHOP, Basket, Catalogue, Product, euros
from edgewise.demo.shelves import SHELVES

STUB = Path(edgewise.__file__).parent / "sdk" / "edgewise-stub.js"

FACES = {"tea": "tea-sencha", "coffee": "coffee-grinder", "linen": "linen-apron", "wood": "walnut-bowl"}
"""The product that stands for its category."""

BASELINE = ("tea-pot", "tea-mug", "linen-towel", "oak-board")
SLOTS = len(BASELINE)
"""What the row recommends by default, and how much."""

BUDGET = 1.0
"""Seconds that a decision may take. A customer's page waits for 0.2 s; here shop, server and hundreds of visitors share
one machine that was asked for nothing a moment ago, and whoever looks shall see what was decided."""


class Html(str):
    """Text that is HTML already."""


class Server(NamedTuple):
    """Where the page's tag comes from, and whose page it is."""

    url: str
    write_key: str


class Visit(NamedTuple):
    """What the shop knows when it writes a page. `nonce` is the page's own; `device` is what asks for it."""

    path: str
    nonce: str
    basket: Basket
    device: str


class Pages:
    """Writes pages, as text."""

    def __init__(self, catalogue: Catalogue, server: Server) -> None:
        self._catalogue = catalogue
        self._server = server

    def home(self, visit: Visit) -> str:
        row = self._row("Picked for your table")
        aisles = (fill("aisle", category=id, name=name, id=FACES[id]) for id, name in self._categories())
        return self._page(visit, "home", "Slow Morning", fill("home", row=row, aisles=_joined(aisles)))

    def listing(self, visit: Visit) -> str:
        """What is on the shelf that the path names."""
        shelf = SHELVES[visit.path]
        cards = _cards(filter(shelf.has, self._catalogue.products.values()))
        return self._page(visit, "category", shelf.title, fill("list", title=shelf.title, lead=shelf.lead, cards=cards))

    def product(self, visit: Visit, product: Product) -> str:
        words = fill(
            "product",
            **_shown(product),
            category=product.category,
            category_name=self._catalogue.categories[product.category],
            line=product.line,
            text=product.text,
            facts=_joined(Html(f"<li>{escape(fact)}</li>") for fact in product.facts),
            properties=json.dumps(product.told()),
            viewed=_script(product.told()),
            nonce=visit.nonce,
            row=self._row("Goes well with it", without=[product]),
        )
        return self._page(visit, "product", product.name, words)

    def cart(self, visit: Visit) -> str:
        row = self._row("Something to go with it", without=visit.basket.counts)
        if not visit.basket.pieces:
            return self._page(visit, "cart", "Your basket", fill("empty", row=row))
        started = json.dumps({"value": visit.basket.value, "products": visit.basket.told()})
        lines = _lines("line", visit.basket)
        return self._page(
            visit, "cart", "Your basket", fill("cart", **_sum(visit.basket), lines=lines, properties=started, row=row)
        )

    def checkout(self, visit: Visit) -> str:
        basket = visit.basket
        total = round(basket.value + basket.delivery, 2)
        order = {"order_id": uuid4().hex[:12], "total": total, "currency": "EUR", "products": basket.told()}
        words = fill("checkout", **_sum(basket), lines=_lines("brief", basket), properties=json.dumps(order))
        return self._page(visit, "checkout", "The till", words)

    def thanks(self, visit: Visit) -> str:
        row = self._row("Until the next morning")
        return self._page(visit, "confirmation", "Thank you", fill("thanks", row=row))

    def shipping(self, visit: Visit) -> str:
        row = self._row("To fill a parcel with")
        return self._page(visit, "content", "How we deliver", fill("shipping", row=row))

    def students(self, visit: Visit) -> str:
        return self._page(visit, "content", "Students save 10%", fill("students"))

    def student(self, visit: Visit) -> str:
        customer = _script(f"customer-{uuid4().hex[:12]}")
        return self._page(visit, "content", "Welcome", fill("student", nonce=visit.nonce, customer=customer))

    def lost(self, visit: Visit) -> str:
        return self._page(visit, "content", "Not here", fill("lost"))

    def _page(self, visit: Visit, type: str, title: str, main: Html) -> str:
        pieces = visit.basket.pieces
        context = {"device": {"type": visit.device}, "data": {"basketValue": visit.basket.value}}
        return fill(
            "layout",
            title=title,
            nonce=visit.nonce,
            edge=self._server.url,
            stub=_stub(),
            budget=f"{1000 * BUDGET:.0f}",
            write_key=self._server.write_key,
            type=type,
            context=_script(context),
            nav=self._nav(visit.path),
            count=pieces or "",
            bag_label=f"Basket: {pieces} {'thing' if pieces == 1 else 'things'}" if pieces else "Basket: empty",
            main=main,
        )

    def _categories(self) -> Iterable[tuple[str, str]]:
        return self._catalogue.categories.items()

    def _nav(self, path: str) -> Html:
        links = ((f"/c/{id}", name) for id, name in self._categories())
        return _joined(
            Html(f'<a href="{href}"{" aria-current=page" if href == path else ""}>{escape(name)}</a>')
            for href, name in links
        )

    def _row(self, heading: str, without: Collection[Product] = ()) -> Html:
        """The row of recommendations, without those that are not wanted here.

        What it shows until something is decided is the policy's baseline, as far as that is wanted.
        """
        products = self._catalogue.products
        default = dict.fromkeys([*(products[id] for id in BASELINE), *products.values()])
        cards = _cards(one._replace(was=None) for one in islice((one for one in default if one not in without), SLOTS))
        exclude = ",".join(one.id for one in without)
        left_out = Html(f' data-edgewise-exclude="{escape(exclude)}"') if exclude else Html()
        return fill("row", heading=heading, exclude=left_out, slots=SLOTS, cards=cards)


def fill(template: str, /, **values: object) -> Html:
    """A template with these values, which are escaped unless they are HTML."""
    return Html(
        _template(template).substitute(
            {key: value if isinstance(value, Html) else escape(str(value)) for key, value in values.items()}
        )
    )


@cache
def _template(name: str) -> Template:
    return Template((SHOP / "pages" / f"{name}.html").read_text().strip())


@cache
def _stub() -> Html:
    """What the SDK's documentation says to copy into the head, which hides for no longer than the page waits."""
    return Html(STUB.read_text().strip().replace("ew.2s", f"ew {BUDGET:g}s").replace("||200", f"||{1000 * BUDGET:.0f}"))


def _script(value: object) -> Html:
    """A value, as it may stand in a script of a page."""
    return Html(json.dumps(value).replace("<", "\\u003c"))


def _joined(parts: Iterable[Html]) -> Html:
    return Html("".join(parts))


def _cards(products: Iterable[Product]) -> Html:
    return _joined(fill("card", **_shown(product)) for product in products)


def _shown(product: Product) -> dict[str, object]:
    before = product.was
    was = Html(f'<s class="was">{euros(before)}</s>') if before is not None else Html()
    return {"id": product.id, "name": product.name, "price": euros(product.price), "was": was}


def _lines(template: str, basket: Basket) -> Html:
    return _joined(
        fill(
            template,
            **_shown(product),
            count=count,
            value=euros(product.price * count),
            properties=json.dumps(product.told(count)),
        )
        for product, count in basket.counts.items()
    )


def _sum(basket: Basket) -> dict[str, object]:
    delivery = euros(basket.delivery) if basket.delivery else "free"
    return {"value": euros(basket.value), "delivery": delivery, "total": euros(basket.value + basket.delivery)}
