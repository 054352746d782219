"""The pages of the demo's shop. They use Edgewise as a customer's site would: markup, one tag, and the stub."""

from __future__ import annotations

import hashlib
import hmac
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
from edgewise.demo.catalogue import PRODUCT_LISTS, SHOP, Basket, Catalogue, ShopProduct, euros

STUB = Path(edgewise.__file__).parent / "sdk" / "edgewise-stub.js"

CATEGORY_IMAGES = {"tea": "tea-sencha", "coffee": "coffee-grinder", "linen": "linen-apron", "wood": "walnut-bowl"}
"""The product whose picture represents a category."""

BASELINE = ("tea-pot", "tea-mug", "linen-towel", "oak-board")
SLOTS = len(BASELINE)
"""The default recommendations of the row, and their number."""


class Html(str):
    """Text that needs no escaping."""


class SdkTag(NamedTuple):
    """The server that delivers the SDK, the site's write key, and the secret with which the shop proves user ids."""

    url: str
    write_key: str
    identity_secret: str


class PageRequest(NamedTuple):
    """A request for a page. `nonce` allows the scripts of this response, `device` is `mobile` or `desktop`."""

    path: str
    nonce: str
    basket: Basket
    device: str


class ShopPages:
    """Renders each page of the shop as a string."""

    def __init__(self, catalogue: Catalogue, tag: SdkTag) -> None:
        self._catalogue = catalogue
        self._tag = tag

    def home(self, request: PageRequest) -> str:
        row = self._row("Picked for your table")
        aisles = (fill("aisle", category=id, name=name, id=CATEGORY_IMAGES[id]) for id, name in self._categories())
        return self._page(request, "home", "Slow Morning", fill("home", row=row, aisles=_join(aisles)))

    def listing(self, request: PageRequest) -> str:
        listing = PRODUCT_LISTS[request.path]
        cards = _render_cards(filter(listing.includes, self._catalogue.products.values()))
        return self._page(
            request,
            "category",
            listing.title,
            fill("product_list", title=listing.title, lead=listing.lead, cards=cards),
        )

    def product(self, request: PageRequest, product: ShopProduct) -> str:
        words = fill(
            "product",
            **_product_values(product),
            category=product.category,
            category_name=self._catalogue.categories[product.category],
            line=product.line,
            text=product.text,
            facts=_join(Html(f"<li>{escape(fact)}</li>") for fact in product.facts),
            properties=json.dumps(product.event_properties()),
            viewed=_script(product.event_properties()),
            nonce=request.nonce,
            row=self._row("Goes well with it", without=[product]),
        )
        return self._page(request, "product", product.name, words)

    def cart(self, request: PageRequest) -> str:
        row = self._row("Something to go with it", without=request.basket.counts)
        if not request.basket.pieces:
            return self._page(request, "cart", "Your basket", fill("empty_cart", row=row))
        started = json.dumps({"value": request.basket.value, "products": request.basket.event_products()})
        lines = _render_lines("basket_line", request.basket)
        return self._page(
            request,
            "cart",
            "Your basket",
            fill("cart", **_totals(request.basket), lines=lines, properties=started, row=row),
        )

    def checkout(self, request: PageRequest) -> str:
        basket = request.basket
        total = round(basket.value + basket.delivery, 2)
        order = {"order_id": uuid4().hex[:12], "total": total, "currency": "EUR", "products": basket.event_products()}
        words = fill(
            "checkout", **_totals(basket), lines=_render_lines("order_line", basket), properties=json.dumps(order)
        )
        return self._page(request, "checkout", "Checkout", words)

    def thanks(self, request: PageRequest) -> str:
        row = self._row("Until the next morning")
        return self._page(request, "confirmation", "Thank you", fill("thanks", row=row))

    def shipping(self, request: PageRequest) -> str:
        row = self._row("To fill a parcel")
        return self._page(request, "content", "How we deliver", fill("shipping", row=row))

    def students(self, request: PageRequest) -> str:
        return self._page(request, "content", "Students save 10%", fill("students"))

    def student(self, request: PageRequest) -> str:
        customer = f"customer-{uuid4().hex[:12]}"
        user_hash = hmac.new(self._tag.identity_secret.encode(), customer.encode(), hashlib.sha256).hexdigest()
        ids = {"customer": _script(customer), "user_hash": _script(user_hash)}
        return self._page(request, "content", "Welcome", fill("student", nonce=request.nonce, **ids))

    def not_found(self, request: PageRequest) -> str:
        return self._page(request, "content", "Page not found", fill("not_found"))

    def _page(self, request: PageRequest, type: str, title: str, main: Html) -> str:
        pieces = request.basket.pieces
        context = {"device": {"type": request.device}, "data": {"basketValue": request.basket.value}}
        return fill(
            "layout",
            title=title,
            nonce=request.nonce,
            edge=self._tag.url,
            stub=_stub(),
            write_key=self._tag.write_key,
            type=type,
            context=_script(context),
            nav=self._nav(request.path),
            count=pieces or "",
            bag_label=f"Basket: {pieces} {'item' if pieces == 1 else 'items'}" if pieces else "Basket: empty",
            main=main,
        )

    def _categories(self) -> Iterable[tuple[str, str]]:
        return self._catalogue.categories.items()

    def _nav(self, path: str) -> Html:
        links = ((f"/c/{id}", name) for id, name in self._categories())
        return _join(
            Html(f'<a href="{href}"{" aria-current=page" if href == path else ""}>{escape(name)}</a>')
            for href, name in links
        )

    def _row(self, heading: str, without: Collection[ShopProduct] = ()) -> Html:
        """The row of recommendations. `without` are products that it must not show.

        Until a decision comes, it shows the policy's baseline, without these products.
        """
        products = self._catalogue.products
        default = dict.fromkeys([*(products[id] for id in BASELINE), *products.values()])
        cards = _render_cards(
            one._replace(was=None) for one in islice((one for one in default if one not in without), SLOTS)
        )
        exclude = ",".join(one.id for one in without)
        left_out = Html(f' data-edgewise-exclude="{escape(exclude)}"') if exclude else Html()
        return fill("row", heading=heading, exclude=left_out, slots=SLOTS, cards=cards)


def fill(template: str, /, **values: object) -> Html:
    """Fill a template with these values, and escape those that are not `Html`."""
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
    return Html(STUB.read_text().strip())


def _script(value: object) -> Html:
    """A value as a literal for a script in a page."""
    return Html(json.dumps(value).replace("<", "\\u003c"))


def _join(parts: Iterable[Html]) -> Html:
    return Html("".join(parts))


def _render_cards(products: Iterable[ShopProduct]) -> Html:
    return _join(fill("card", **_product_values(product)) for product in products)


def _product_values(product: ShopProduct) -> dict[str, object]:
    before = product.was
    was = Html(f'<s class="was">{euros(before)}</s>') if before is not None else Html()
    return {"id": product.id, "name": product.name, "price": euros(product.price), "was": was}


def _render_lines(template: str, basket: Basket) -> Html:
    return _join(
        fill(
            template,
            **_product_values(product),
            count=count,
            value=euros(product.price * count),
            properties=json.dumps(product.event_properties(count)),
        )
        for product, count in basket.counts.items()
    )


def _totals(basket: Basket) -> dict[str, object]:
    delivery = euros(basket.delivery) if basket.delivery else "free"
    return {"value": euros(basket.value), "delivery": delivery, "total": euros(basket.value + basket.delivery)}
