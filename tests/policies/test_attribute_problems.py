from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import PolicyError, Problem
from edgewise.http.context import attributes_of
from edgewise.http.requests import ContextBody
from edgewise.policies.attribute_problems import attribute_problems
from edgewise.policies.site_files import load_sites, read_sites
from edgewise.visitors.activity import Activity
from edgewise.visitors.attribute_table import VALUES
from edgewise.visitors.attributes import make_attributes
from tests.conditions.strategies import CONDITIONS
from tests.visitors.activities import NOW, activities, make_profile

ROOT = Path(__file__).parents[2]


def problems(condition: dict[str, Any]) -> list[Problem]:
    return attribute_problems([(condition, "when")])


@pytest.mark.parametrize(
    ("attribute", "advice"),
    [
        ("vistor.orders", "Did you mean `visitor.orders`?"),
        ("visitor.order", "Did you mean `visitor.orders`?"),
        ("visitor.page_views", "Did you mean `visitor.pageViews`?"),
        ("visitor.first.sorce", "Did you mean `visitor.first.source`?"),
        ("device.typ", "Did you mean `device.type`?"),
        ("country", "Did you mean `place.country`?"),
        ("page.title", "A value of your own is data.title."),
        ("visitor.email", "A value of your own is visitor.traits.email."),
        ("basketValue", "A value of your own is data.basketValue."),
        ("visitor.orders.count", "Did you mean `visitor.orders`?"),
        ("traits.plan", "Did you mean `visitor.traits.plan`?"),
        ("trait.a.b", "Did you mean `visitor.traits.a.b`?"),
        ("visitor.event.Sign Up", "Did you mean `visitor.events.Sign Up`?"),
        ("events.Order Completed", "Did you mean `visitor.events.Order Completed`?"),
        ("date.x", "Did you mean `data.x`?"),
    ],
)
def test_an_attribute_that_does_not_exist_is_a_problem(attribute: str, advice: str) -> None:
    ((path, message),) = problems({attribute: {"$exists": True}})
    assert path == f'when["{attribute}"]' if "." in attribute else f"when.{attribute}"
    assert message.startswith(f'Unknown attribute "{attribute}". {advice}')


@pytest.mark.parametrize(
    "attribute",
    [
        *("data.basket.value", "data.x", "visitor.traits.plan", "visitor.traits.a.b", "visitor.events.Sign Up"),
        *("visitor.pages.home", "visitor.categories.shoes", "visitor.brands.acme", "visitor.daysSinceSeen.hero/deal"),
    ],
)
@pytest.mark.parametrize("operand", ["x", 1, True, None, ["a"], {"$gt": -5}, {"$size": 2}])
def test_names_and_values_of_your_own_are_not_checked(attribute: str, operand: Any) -> None:
    assert problems({attribute: operand}) == []


@pytest.mark.parametrize(
    ("attribute", "operand", "message"),
    [
        ("device.type", "Mobile", "Did you mean `mobile`?"),
        ("device.type", {"$in": ["tablet", "Smartphone"]}, "Did you mean `mobile`?"),
        ("device.type", {"$not": {"$ne": "dektop"}}, "Did you mean `desktop`?"),
        ("device.type", {"$regex": "^Mob"}, "Expected a pattern for one of mobile, tablet, desktop, tv"),
        ("device.type", 5, "Expected one of mobile, tablet, desktop"),
        ("time.weekday", "monday", 'from 1 (Monday) to 7 (Sunday), found "monday". Did you mean 1?'),
        ("time.weekday", {"$eq": "Sunday"}, "Did you mean 7?"),
        ("time.weekday", 0, "Expected a whole number from 1 (Monday) to 7 (Sunday), found 0."),
        ("time.weekday", {"$gte": 8}, "Expected a bound that time.weekday can meet, found 8."),
        ("time.weekday", {"$lte": 9}, "found 9."),
        ("time.hour", 24, "Expected a whole number from 0 to 23, found 24."),
        ("time.hour", 8.5, "found 8.5."),
        ("time.hour", {"$gt": 23}, "Expected a bound that time.hour can meet, found 23."),
        ("time.hour", {"$lt": 0}, "Expected a bound that time.hour can meet, found 0."),
        ("time.hour", {"$in": [8, "9"]}, 'found "9".'),
        ("time.hour", {"$gte": "noon"}, 'found "noon".'),
        ("time.part", {"$ini": ["Noon"]}, 'found "Noon".'),
        ("time.part", "Evening", "Did you mean `evening`?"),
        ("page.referrer", "https://www.Google.com/search?q=x", "Did you mean `www.google.com`?"),
        ("page.referrer", "google.com/", "Did you mean `google.com`?"),
        ("page.referrer", "xn--mnchen-3ya.example", "Did you mean `münchen.example`?"),
        ("page.referrer", {"$regex": "^https?://google"}, "Leave out the scheme."),
        ("page.referrer", "", 'page.referrer is absent instead of empty. Test it with {"$exists" = false}.'),
        ("page.path", "/gr%C3%B6%C3%9Fen", "Did you mean `/größen`?"),
        ("page.path", {"$regex": "^/gr%C3%B6%C3%9Fen"}, "Did you mean `^/größen`?"),
        ("page.path", "/cart?step=1", "Did you mean `/cart`?"),
        ("page.path", "cart", "Did you mean `/cart`?"),
        ("page.path", {"$regex": "^cart"}, "Did you mean `^/cart`?"),
        ("visitor.source", "https://www.google.com/", "Did you mean `www.google.com`?"),
        ("visitor.orders", {"$vgt": "1.0.0"}, "visitor.orders is no version, and $vgt needs one."),
        ("page.path", "https://shop.example/cart", "Did you mean `/cart`?"),
        ("page.url", "/cart", "Expected a whole address"),
        ("page.campaign", "fr%C3%BChling+sale", "Did you mean `frühling sale`?"),
        ("page.type", {"$in": [1]}, "Expected a text, found 1."),
        ("page.type", True, "Expected a text, found true."),
        ("page.type", ["home", "cart"], "Expected a text, found a list of 2 elements."),
        ("page.type", {"$elemMatch": {"$eq": "home"}}, "page.type is no list, and $elemMatch needs one."),
        ("place.country", "de", "Did you mean `DE`?"),
        ("place.country", "UK", "Did you mean `GB`?"),
        ("place.country", "Germany", 'Expected two capital letters such as "DE", found "Germany".'),
        ("locale.language", "de-DE", "Did you mean `de`?"),
        ("locale.language", "German", 'found "German".'),
        ("locale.region", "at", "Did you mean `AT`?"),
        ("device.type", {"$gt": "z"}, "Expected a bound for one of mobile, tablet"),
        ("page.path", {"$regex": r"^/cart\?step="}, "A path has no query. Test page.url instead."),
        ("page.path", {"$regex": "#top$"}, "A path has no query."),
        ("page.url", {"$regex": "^/cart"}, 'Begin it with the scheme, such as "^https://", or leave out the ^.'),
        ("page.url", {"$regex": r"^www\.shop"}, "Begin it with the scheme"),
        ("page.referrer", {"$regex": "Google"}, "A host has small letters, and neither path nor port."),
        ("page.referrer", {"$regex": r"google\.com/"}, "A host has small letters"),
        ("visitor.last.referrer", {"$notRegex": "Google"}, "A host has small letters"),
        ("place.country", {"$regex": "^(de|at)$"}, 'Expected a pattern for two capital letters such as "DE"'),
        ("locale.language", {"$regex": "^en-"}, 'Expected a pattern for two or three small letters such as "de"'),
        ("locale.region", {"$regex": "^at"}, "Expected a pattern for two capital letters or three digits"),
        ("visitor.locale", {"$regex": "^de_"}, "Write a hyphen in place of the underscore."),
        ("visitor.timezone", {"$regex": "^europe"}, 'Expected a pattern for a time zone such as "Europe/Berlin"'),
        ("visitor.timezone", "europe/berlin", "Did you mean `Europe/Berlin`?"),
        ("visitor.cart", {"$size": 7}, "Expected a whole number from 0 to 6, found 7."),
        ("visitor.products", {"$size": {"$gt": 5}}, "Expected a bound that the size of visitor.products can meet"),
        ("visitor.cart", {"$gte": 2}, "visitor.cart is a list, and $gte needs a number. Test it with $in, or its"),
        ("visitor.cart", {"$elemMatch": {"$in": [4711]}}, "Expected a text, found 4711."),
        ("visitor.cart", {"$elemMatch": {"id": "a"}}, "visitor.cart has texts, not tables."),
        ("visitor.cart", {"$all": ["a", 5]}, "Expected a text, because visitor.cart is a list of texts, found 5."),
        ("visitor.traits", "pro", "visitor.traits is a table. Test one of its values, such as visitor.traits.name."),
        ("visitor.orders", "three", 'Expected a whole number of at least 0, found "three".'),
        ("visitor.orders", {"$gte": -2}, "Expected a whole number of at least 0, found -2."),
        ("visitor.orders", {"$type": "string"}, 'Expected number, the type of visitor.orders, found "string".'),
        ("visitor.returning", "yes", 'Expected true or false, found "yes".'),
        ("visitor.returning", {"$eq": 1}, "Expected true or false, found 1."),
        ("visitor.segments", "vip", 'visitor.segments is a list. Test it with an operator, as in {"$in" = ["vip"]}.'),
        ("visitor.cart", {"$eq": "sku-1"}, "visitor.cart is a list."),
        (
            "visitor.products",
            {"$in": [4711]},
            "Expected a text, because visitor.products is a list",
        ),
        ("visitor.first", "google", "visitor.first is a table. Test one of visitor.first.source,"),
        ("visitor.last.referrer", "https://t.co/x", "Did you mean `t.co`?"),
        ("visitor.topCategory", "k" * 41, f"Did you mean `{'k' * 40}`?"),
        ("visitor.locale", "de_DE", "Did you mean `de-DE`?"),
        ("visitor.timezone", "Berlin", 'Expected a time zone such as "Europe/Berlin", found "Berlin".'),
        ("visitor.device", "Phone", "Did you mean `mobile`?"),
    ],
    ids=str,
)
def test_a_value_that_an_attribute_never_has_is_a_problem(attribute: str, operand: Any, message: str) -> None:
    ((path, found),) = problems({"$or": [{attribute: operand}, {"data.x": 1}]})
    assert path.startswith(f'when.$or[0]["{attribute}"]')
    assert message in found


@pytest.mark.parametrize(
    "condition",
    [
        {"device.type": "tv", "visitor.device": {"$ini": ["MOBILE"]}},
        {"device.type": {"$regex": "mobile|tablet"}},
        {"device.type": {"$notRegexi": "^MOB"}},
        {"time.hour": {"$gte": 0, "$lt": 24}, "time.weekday": {"$in": [6, 7]}},
        {"time.weekday": "6"},
        {"page.referrer": None, "page.path": {"$ne": "/"}, "page.type": {"$exists": False}},
        {"page.path": "/größen", "page.url": "https://shop.example/größen?a=%2F"},
        {"page.path": {"$regex": "^/(a|b)/.*\\.html?$"}},
        {"page.path": {"$regex": r"^/cart(\?.*)?$"}, "page.url": {"$regex": r"\?utm_"}},
        {"page.path": {"$regex": r"^/[^?#]*\#?\?*$"}},
        {"page.referrer": {"$regex": r"^\w[^A-Z]\S+(?i)GOOGLE"}, "page.url": {"$regex": "^HTTPS?://"}},
        {"page.referrer": {"$regexi": "GOOGLE"}, "place.country": {"$regexi": "^de|at$"}},
        {"locale.language": {"$regex": "^(de|fil)$"}, "locale.region": {"$regex": "^4"}},
        {"visitor.timezone": {"$regex": "^Europe/"}, "visitor.cart": {"$size": {"$gte": 6}}},
        {"visitor.products": {"$all": ["a", "b"]}, "visitor.cart": {"$elemMatch": {"$regex": "^sku"}}},
        {"page.referrer": {"$regex": "(^|\\.)google\\."}},
        {"page.campaign": "C++ & mehr", "page.source": 2024},
        {"place.country": {"$in": ["DE", "AT"]}, "locale.region": "419", "locale.language": "fil"},
        {"visitor.revenue": {"$lt": -10}, "visitor.orders": 3.0, "visitor.cartValue": {"$gt": 9.99}},
        {"visitor.returning": "true", "visitor.segments": {"$size": 2}, "visitor.cart": {"$in": ["a"]}},
        {"visitor.first.campaign": "", "visitor.first": {"$exists": True}, "visitor.last.landing": "/a"},
        {"visitor.source": {"$in": ["direct", "www.google.com", "newsletter"]}},
        {"visitor.locale": "zh-Hant-TW", "visitor.timezone": "UTC"},
        {"visitor": {"$type": "object"}, "visitor.orders": {"$type": "null"}},
        {"visitor.segments": ["a", "b"]},
    ],
    ids=str,
)
def test_a_test_that_can_hold_is_no_problem(condition: dict[str, Any]) -> None:
    assert problems(condition) == []


@given(CONDITIONS, st.sampled_from(sorted(VALUES)))
def test_any_valid_condition_is_checked_without_an_error(condition: dict[str, Any], attribute: str) -> None:
    for test in condition.values():
        for problem in problems({attribute: test}):
            assert problem.message.endswith((".", "?"))


WORDS = st.sampled_from(["Smart TV", "DE_at", "iw", "/größen", "/gr%C3%B6%C3%9Fen", "cart", "a%2Fb", "Europe/Berlin"])
ADDRESSES = st.sampled_from(
    ["https://WWW.Shop.example/a%20b?utm_source=x%2By&utm_campaign=%FF", "https://xn--mnchen-3ya.de/%23"]
)
TEXTS = WORDS | ADDRESSES | st.text(max_size=20)
OF_CLIENTS = {"source", "device", "locale", "timezone", "part"}
"""The generated activities have any text here. Clients' words are read before they are part of an activity."""


@given(st.fixed_dictionaries(dict.fromkeys(("path", "type", "referrer"), TEXTS)), ADDRESSES, TEXTS, TEXTS, TEXTS)
def test_a_value_that_an_attribute_has_is_no_problem(
    page: dict[str, str], url: str, device: str, locale: str, timezone: str
) -> None:
    given = {"page": page | {"url": url}, "device": {"type": device}, "locale": locale, "timezone": timezone}
    found = attributes_of(msgspec.convert(given, ContextBody), country=locale.encode())
    for group, attributes in found.items():
        for name, value in attributes.items():
            assert problems({f"{group}.{name}": value}) == [], value
            assert problems({f"{group}.{name}": {"$in": [value]}}) == [], value


@given(st.lists(activities, max_size=20))
def test_a_value_that_a_visitor_has_is_no_problem(many: list[Activity]) -> None:
    visitor = make_attributes(make_profile(*many), NOW)
    for name in visitor.keys() - OF_CLIENTS:
        value = visitor[name]
        if isinstance(value, list):
            assert problems({f"visitor.{name}": {"$in": value}}) == []
        elif not isinstance(value, Mapping):
            assert problems({f"visitor.{name}": value}) == [], value


def test_every_choice_of_an_attribute_can_be_tested() -> None:
    for attribute, values in VALUES.items():
        for choice in values.choices:
            assert problems({attribute: choice}) == problems({attribute: {"$in": [choice]}}) == []


def test_policy_files_sites_and_webhooks_are_checked(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("""
[segments]
old = { "visitor.order" = 1 }
[[webhooks]]
name = "hook"
url = "https://mail.example/hook"
secret = "0123456789abcdef"
when = { "visitor.device" = "Mobile" }
""")
    (tmp_path / "hero.toml").write_text("""
placement = "hero"
baseline = "plain"
reward.range = [0.0, 2.0]
reward.events = { Order = 5.0, Refund = -1, Click = 1.0 }
actions = [{ id = "plain" }, { id = "deal", when = { "vistor.orders" = 1 } }]
pins = [{ action = "deal", when = { "time.weekday" = "monday" } }]
""")
    with pytest.raises(PolicyError) as refused:
        load_sites(tmp_path)
    assert [path for path, _ in refused.value.problems] == [
        'hero.toml: actions[1].when["vistor.orders"]',
        'hero.toml: pins[0].when["time.weekday"]',
        "hero.toml: reward.events.Order",
        "hero.toml: reward.events.Refund",
        'site.toml: segments.old["visitor.order"]',
        'site.toml: webhooks[0].when["visitor.device"]',
    ]
    assert "Expected a number within `range`, from 0 to 2, found 5." in refused.value.problems[2].message
    assert "set range = [-1.0, 5.0] in [reward]" in refused.value.problems[3].message
    assert {(one.site, one.placement) for one in read_sites(tmp_path).oversights} == {
        ("default", "hero"),
        ("default", None),
    }


def test_a_file_that_windows_shows_as_a_policy_is_reported(tmp_path: Path) -> None:
    text = 'placement = "hero"\nbaseline = "plain"\nactions = [{ id = "plain" }]\n'
    for name in ("hero.toml", "Row.TOML", "cart.toml.txt", "notes.txt"):
        (tmp_path / name).write_text(text)
    with pytest.raises(PolicyError) as refused:
        load_sites(tmp_path)
    assert refused.value.problems == [
        ("Row.TOML", "Edgewise reads only files that end with .toml. Rename it to Row.toml."),
        ("cart.toml.txt", "Edgewise reads only files that end with .toml. Rename it to cart.toml."),
    ]


@pytest.mark.parametrize("name", ["Site.toml", "SITE.toml", "sites.toml"])
def test_a_site_file_with_nearly_the_right_name_is_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "hero.toml").write_text('placement = "hero"\nbaseline = "plain"\nactions = [{ id = "plain" }]\n')
    (tmp_path / name).write_text('write_key = "x"\n')
    with pytest.raises(PolicyError) as refused:
        load_sites(tmp_path)
    assert refused.value.problems == [(name, "The settings of a site are in site.toml. Rename the file to site.toml.")]


def test_the_reference_lists_every_attribute_of_the_context() -> None:
    page = (ROOT / "docs/reference/attributes.md").read_text()
    names = {name for name in VALUES if not name.startswith("visitor") and "." in name}
    assert {name for name in names if f"`{name}`" not in page} == set()
    for name in ("device.type", "time.part"):
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` | `"))
        assert [one for one in VALUES[name].choices if f"`{one}`" not in row] == []
