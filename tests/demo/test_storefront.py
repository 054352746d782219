"""The demo's shop over HTTP. sdk-js/ tests its pages in a real browser."""

from __future__ import annotations

import hmac
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from edgewise.demo.catalogue import load_catalogue
from edgewise.demo.pages import STUB, SdkTag
from edgewise.demo.simulated_visitors import SEGMENTS
from edgewise.demo.storefront import Storefront, serve_storefront
from edgewise.policies.policy import Policy
from edgewise.policies.site_files import load_sites
from tests.demo.markup import Element, parse

EDGE = "http://127.0.0.1:18080"
FIGURES = {"visitors": 7, "segments": []}
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"

[(SITE, SITE_POLICIES)] = load_sites(Path(__file__).parents[2] / "policies")
POLICIES = {policy.placement: policy for policy in SITE_POLICIES}


@pytest.fixture
async def shop() -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies and follows redirects."""
    app = Storefront(SdkTag(EDGE, SITE.write_key, "a secret of the shop"), SEGMENTS, lambda: FIGURES).app()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop", follow_redirects=True) as client:
        yield client


async def page(shop: httpx.AsyncClient, path: str) -> Element:
    return parse((await shop.get(path)).raise_for_status().text)


async def every_page(shop: httpx.AsyncClient) -> dict[str, str]:
    """All pages that links lead to, from the home page and from a cart with a product."""
    await shop.post("/cart", data={"product": "tea-mug"})
    found: dict[str, str] = {}
    waiting = ["/", "/cart", "/checkout", "/thanks"]
    while waiting:
        path = waiting.pop()
        found[path] = (await shop.get(path)).raise_for_status().text
        links = (link.attributes.get("href", "") for link in parse(found[path]).all("a"))
        waiting += {
            link for link in links if link.startswith("/") and link not in (*found, *waiting) and "/demo/" not in link
        }
    return found


def context_of(root: Element) -> Any:
    """The context that the page gives to the SDK."""
    before, after = 'edgewise("init", {context: ', "})"
    [call] = [script.own_text for script in root.all("script") if script.own_text.startswith(before)]
    return json.loads(call.removeprefix(before).removesuffix(after))


def tag_of(root: Element) -> dict[str, str]:
    """The attributes of the SDK's tag."""
    [tag] = [one for one in root.all("script", having="src") if not one.attributes["src"].startswith("/demo/")]
    return tag.attributes


def placements(root: Element) -> Iterator[tuple[Element, Policy]]:
    """The page's placements with their policies."""
    for element in root.all(having="data-edgewise"):
        yield element, POLICIES[element.attributes["data-edgewise"]]


def filled_keys(root: Element) -> dict[str, str]:
    """The payload keys that an element uses, each with its target as `tag.attribute`."""
    pairs: dict[str, str] = {}
    for element in root.all(having="data-edgewise-fill", templates=False):
        for pair in element.attributes["data-edgewise-fill"].split():
            attribute, _, key = pair.rpartition("=")
            pairs[key] = f"{element.tag}.{attribute or 'text'}"
    return pairs


async def test_every_link_and_picture_of_every_page_exists(shop: httpx.AsyncClient) -> None:
    pages = await every_page(shop)
    assert {"/", "/sale", "/students", "/p/oak-spoon", "/c/wood", "/shipping"} <= pages.keys()
    files = {
        element.attributes[name]
        for text in pages.values()
        for element in parse(text).all("img", "script", "link")
        for name in ("src", "href")
        if name in element.attributes
    }
    assert {urlsplit(file).netloc for file in files} == {"", urlsplit(EDGE).netloc}
    for file in sorted(files):
        if file.startswith("/"):
            assert (await shop.get(file)).status_code == 200, file


async def test_links_and_pictures_in_payloads_exist(shop: httpx.AsyncClient) -> None:
    for policy in POLICIES.values():
        for action in policy.actions:
            for key in ("href", "image"):
                if key in action.payload:
                    answer = await shop.get(str(action.payload[key]))
                    assert answer.status_code == 200, f"{policy.placement}, {action.id}: {key}"


async def test_the_content_security_policy_allows_only_the_scripts_of_the_page(shop: httpx.AsyncClient) -> None:
    nonces = set()
    for path in await every_page(shop):
        answer = await shop.get(path)
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert (policy["style-src"], policy["img-src"]) == ("'self'", "'self'")
        assert policy["connect-src"] == f"'self' {EDGE}"
        assert policy["require-trusted-types-for"] == "'script'"
        [nonce] = re.findall(r"^'nonce-([\w-]{22,})'$", policy["script-src"])
        root = parse(answer.text)
        assert {script.attributes["nonce"] for script in root.all("script")} == {nonce}
        assert not [name for one in root.all() for name in one.attributes if name == "style" or name.startswith("on")]
        assert not list(root.all("style"))
        nonces.add(nonce)
    assert len(nonces) > 20


async def test_a_page_embeds_the_sdk_as_customers_do(shop: httpx.AsyncClient) -> None:
    for path, text in (await every_page(shop)).items():
        scripts = [one for one in parse(text).all("script") if not one.attributes.get("src", "").startswith("/demo/")]
        assert "edgewise" in scripts[0].own_text, path
        tag = tag_of(parse(text))
        assert (tag["src"], tag["data-write-key"]) == (f"{EDGE}/edgewise.js", SITE.write_key)
        assert "async" in tag
        assert scripts[0].own_text == STUB.read_text()


async def test_placements_match_the_slots_and_actions_of_their_policies(
    shop: httpx.AsyncClient,
) -> None:
    seen = set()
    for text in (await every_page(shop)).values():
        for element, policy in placements(parse(text)):
            ids = {action.id for action in policy.actions}
            assert int(element.attributes.get("data-edgewise-slots", 1)) <= policy.slots
            excluded = element.attributes.get("data-edgewise-exclude", "")
            assert {one for one in excluded.split(",") if one} <= ids
            templates = {one.attributes.get("data-edgewise-action") for one in element.all("template")} - {None}
            assert templates <= ids
            seen.add(policy.placement)
    assert seen == POLICIES.keys()


async def test_payloads_have_exactly_the_keys_of_their_templates(shop: httpx.AsyncClient) -> None:
    await shop.post("/cart", data={"product": "tea-mug"})
    checked = 0
    for path in ("/", "/cart"):
        for element, policy in placements(await page(shop, path)):
            for template in element.all("template"):
                action = template.attributes.get("data-edgewise-action")
                payloads = [one.payload for one in policy.actions if action in (None, one.id)]
                keys = filled_keys(template)
                assert all(payload.keys() == keys.keys() for payload in payloads), (policy.placement, action)
                assert keys.get("image", "img.src") == "img.src"
                assert keys.get("href", "a.href") == "a.href"
                checked += len(payloads)
    assert checked == 4 + 12 + 2 + 12  # The hero's actions without its baseline, the row twice, the nudges.


async def test_the_default_content_is_the_baseline(shop: httpx.AsyncClient) -> None:
    root = await page(shop, "/")
    found = {policy.placement: (element, policy) for element, policy in placements(root)}
    hero, policy = found["home-hero"]
    [plain] = [action.payload for action in policy.actions if (action.id,) == policy.baseline]
    assert filled_keys(hero).keys() == plain.keys()
    shown = hero.text + " ".join(value for one in hero.all(templates=False) for value in one.attributes.values())
    assert all(str(value) in shown for value in plain.values())
    row, policy = found["home-row"]
    cards = [card.attributes["href"] for card in row.all("a", templates=False)]
    payloads = {action.id: action.payload for action in policy.actions}
    assert cards == [payloads[id]["href"] for id in policy.baseline]


def test_products_and_prices_match_the_actions_of_the_row() -> None:
    products = load_catalogue().products
    assert products.keys() == {action.id for action in POLICIES["home-row"].actions}
    for action in POLICIES["home-row"].actions:
        product = products[action.id]
        assert (product.name, f"€{product.price:g}") == (action.payload["name"], action.payload["price"])
        assert (product.category, product.price) == (action.features["category"], action.features["price"])


async def test_the_markup_has_all_events_from_a_product_to_an_order(shop: httpx.AsyncClient) -> None:
    [form] = (await page(shop, "/p/oak-spoon")).all("form")
    assert form.attributes["data-edgewise-event"] == "Product Added"
    properties = json.loads(form.attributes["data-edgewise-properties"])
    assert properties == {"product_id": "oak-spoon", "name": "Oak spoon", "category": "wood", "price": 9, "quantity": 1}

    for product in ("oak-spoon", "oak-spoon", "tea-mug"):
        cart = parse((await shop.post("/cart", data={"product": product})).text)
    assert "€32" in cart.text
    assert context_of(cart) == {"device": {"type": "desktop"}, "data": {"basketValue": 32}}
    assert tag_of(cart)["data-page-type"] == "cart"
    assert {"Product Removed", "Checkout Started"} == {
        element.attributes["data-edgewise-event"] for element in cart.all(having="data-edgewise-event")
    }

    [form] = (await page(shop, "/checkout")).all("form")
    order = json.loads(form.attributes["data-edgewise-properties"])
    assert form.attributes["data-edgewise-event"] == "Order Completed"
    assert order["total"] == pytest.approx(32 + 4.9)
    assert [(one["product_id"], one["quantity"]) for one in order["products"]] == [("oak-spoon", 2), ("tea-mug", 1)]

    assert "Thank you" in (await shop.post("/checkout", data={"name": "Robin"})).text
    assert "Your basket is empty" in (await page(shop, "/cart")).text
    assert (await shop.get("/checkout")).url.path == "/cart"


async def test_products_in_the_basket_are_excluded_from_the_row(shop: httpx.AsyncClient) -> None:
    for product in ("linen-towel", "oak-spoon", "tea-pot"):
        await shop.post("/cart", data={"product": product})
    [row] = (one for one, policy in placements(await page(shop, "/cart")) if policy.placement == "home-row")
    assert row.attributes["data-edgewise-exclude"] == "linen-towel,oak-spoon,tea-pot"
    by_default = [card.attributes["href"] for card in row.all("a", templates=False)]
    assert by_default == ["/p/tea-mug", "/p/oak-board", "/p/tea-sencha", "/p/coffee-grinder"]
    [row] = (one for one, policy in placements(await page(shop, "/")) if policy.placement == "home-row")
    assert "data-edgewise-exclude" not in row.attributes


async def test_a_product_is_excluded_from_the_row_on_its_own_page(shop: httpx.AsyncClient) -> None:
    [(row, _)] = placements(await page(shop, "/p/tea-mug"))
    assert row.attributes["data-edgewise-exclude"] == "tea-mug"
    by_default = [card.attributes["href"] for card in row.all("a", templates=False)]
    assert by_default == ["/p/tea-pot", "/p/linen-towel", "/p/oak-board", "/p/tea-sencha"]


async def test_a_removed_product_is_no_longer_in_the_cart(shop: httpx.AsyncClient) -> None:
    await shop.post("/cart", data={"product": "tea-pot"})
    await shop.post("/cart", data={"product": "tea-mug"})
    left = parse((await shop.post("/cart/remove", data={"product": "tea-pot"})).text)
    assert [line.text for line in left.all("a") if line.attributes.get("class") == "card-name"] == ["Stoneware mug"]


@pytest.mark.parametrize("basket", ["nonsense", "oak-spoon:-1", "oak-spoon:0", "oak-spoon:²", "oak-spoon", ":3", "x:1"])
async def test_an_invalid_basket_cookie_is_an_empty_basket(shop: httpx.AsyncClient, basket: str) -> None:
    answer = await shop.get("/cart", headers=[(b"cookie", f"basket={basket}".encode())])
    assert "Your basket is empty" in answer.text


async def test_a_basket_has_at_most_nine_pieces_of_a_product(shop: httpx.AsyncClient) -> None:
    for _ in range(12):
        cart = parse((await shop.post("/cart", data={"product": "oak-spoon"})).text)
    assert context_of(cart)["data"]["basketValue"] == 81


@pytest.mark.parametrize("form", [{"product": "a yacht"}, {}, {"product": "x" * 5000}])
async def test_an_unknown_product_cannot_be_added_to_the_basket(shop: httpx.AsyncClient, form: dict[str, str]) -> None:
    assert "Your basket is empty" in (await shop.post("/cart", data=form)).text


@pytest.mark.parametrize("path", ["/p/yacht", "/nowhere", "/demo/as/nobody", "/img/../../products.toml"])
async def test_an_unknown_path_gets_a_page_of_the_shop_with_status_404(shop: httpx.AsyncClient, path: str) -> None:
    answer = await shop.get(path)
    assert answer.status_code == 404
    assert "Page not found" in answer.text
    assert answer.headers["content-security-policy"]


async def test_the_context_of_a_phone_has_device_type_mobile(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/", headers={"user-agent": PHONE})
    assert context_of(parse(answer.text))["device"] == {"type": "mobile"}


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.name)
async def test_a_persona_has_the_typical_features_of_its_segment(shop: httpx.AsyncClient, segment: Any) -> None:
    answer = await shop.get(f"/demo/as/{segment.name.replace(' ', '-')}")
    [(name, source)] = answer.url.params.items()
    context = context_of(parse(answer.text))
    assert name == "utm_source"
    assert segment.sources[source] == max(segment.sources.values())
    assert segment.devices[context["device"]["type"]] == max(segment.devices.values())
    low, high = segment.baskets
    assert low <= context["data"]["basketValue"] <= high
    [current] = [
        one for one in parse(answer.text).all("a", having="aria-current") if "demo-persona" in str(one.attributes)
    ]
    assert current.text.startswith(segment.name)
    [again] = [one for one in parse(answer.text).all("a") if one.text == "Come as another visitor"]
    assert again.attributes["href"] == current.attributes["href"]


async def test_a_new_visitor_starts_with_an_empty_storage(shop: httpx.AsyncClient) -> None:
    first = await shop.get("/demo/as/students")
    assert "/demo/newcomer.js" in first.text
    assert first.text.index("newcomer.js") < first.text.index("edgewise.js")
    assert "newcomer.js" not in (await shop.get("/")).text
    yourself = await shop.get("/demo/as/yourself", headers={"user-agent": "Firefox"})
    assert context_of(parse(yourself.text)) == {"device": {"type": "desktop"}, "data": {"basketValue": 0}}


async def test_a_student_is_identified_by_a_random_id(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/students")
    call = r'edgewise\("identify", "(customer-[0-9a-f]{12})", \{student: true\}, \{userHash: "([0-9a-f]{64})"\}\)'
    found = re.search(call, answer.text)
    assert found is not None
    assert found[2] == hmac.new(b"a secret of the shop", found[1].encode(), "sha256").hexdigest()


async def test_the_toolbar_can_read_the_scoreboard(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/demo/board")
    assert (answer.json(), answer.headers["cache-control"]) == (FIGURES, "no-store")


async def test_the_shop_uses_the_next_free_port() -> None:
    app = Storefront(SdkTag(EDGE, SITE.write_key, "a secret of the shop"), SEGMENTS, lambda: FIGURES).app()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with serve_storefront(app, "127.0.0.1", port) as url:
            assert url != f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(trust_env=False) as client:
                assert "Slow Morning" in (await client.get(url)).text
