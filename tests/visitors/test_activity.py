from __future__ import annotations

from typing import Any

import pytest

from edgewise.visitors.activity import NO_SURROUNDINGS, Activity, Surroundings, read_activity
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.message import (
    Kind,
    Message,
    MessageCampaign,
    MessageContext,
    MessageDevice,
    MessagePage,
    Properties,
)
from edgewise.visitors.products import InvalidProperty

NOON = 1_767_268_800_000
"""2026-01-01, 12:00 UTC."""

DIGEST, IDS = b"message1", (b"visitor1",)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"


def read(kind: Kind, browser: Browser = UNKNOWN, **fields: Any) -> Activity:
    return read_activity(Message(kind, **fields), NOON, DIGEST, IDS, browser=browser)


def test_track_message_has_its_event_and_commerce() -> None:
    activity = read("track", event="Product Viewed", properties=Properties(product_id="a"))
    assert (activity.kind, activity.name, activity.at, activity.message, activity.ids) == (
        *("track", "Product Viewed", NOON, DIGEST),
        IDS,
    )
    assert activity.commerce is not None
    assert activity.commerce.products[0].id == "a"


def test_invalid_property_is_an_error() -> None:
    with pytest.raises(InvalidProperty, match=r"^properties\.price: "):
        read("track", event="Product Viewed", properties=Properties(price=[]))


def test_reserved_event_has_only_what_was_seen() -> None:
    message = Message("track", event="$impression", context=MessageContext(locale="de"))
    activity = read_activity(message, NOON, DIGEST, IDS, seen=("hero",))
    assert activity == Activity("track", "$impression", NOON, DIGEST, IDS, seen=("hero",))


@pytest.mark.parametrize(
    ("fields", "page"),
    [
        ({"properties": Properties(type="product"), "category": "Shop"}, "product"),
        ({"properties": Properties(type=7), "category": "Shop"}, "Shop"),
        ({"properties": Properties(category="Sale"), "name": "Shoes"}, "Sale"),
        ({"name": "Home"}, "Home"),
        ({}, None),
    ],
)
def test_page_type_comes_from_type_category_or_name(fields: dict[str, Any], page: str | None) -> None:
    assert read("page", **fields).page == page
    assert read("track", event="x", **fields).page is None


def test_source_needs_a_page_view_or_a_campaign() -> None:
    page = MessagePage(url="https://shop.example/a?utm_source=ads")
    found = read("page", context=MessageContext(page=page)).source
    assert found is not None
    assert (found.source, found.landing) == ("ads", "/a")
    assert read("track", event="x", context=MessageContext(page=page)).source is None
    campaign = MessageCampaign(source="mail", name="spring")
    found = read("track", event="x", context=MessageContext(campaign=campaign)).source
    assert found is not None
    assert (found.source, found.campaign) == ("mail", "spring")


def test_properties_of_a_page_come_before_the_context() -> None:
    page = MessagePage(url="https://shop.example/context")
    properties = Properties(url="https://shop.example/properties", referrer=5)
    found = read("page", properties=properties, context=MessageContext(page=page)).source
    assert found is not None
    assert found.landing == "/properties"


def test_surroundings_come_from_the_context_before_the_browser() -> None:
    browser = Browser("desktop", "de-DE")
    assert read("page", browser).surroundings == NO_SURROUNDINGS
    assert read("page", browser, context=MessageContext()).surroundings == Surroundings("desktop", "de-DE")
    context = MessageContext(device=MessageDevice("tablet"), locale="fr-FR", timezone="Asia/Tokyo", user_agent=PHONE)
    assert read("page", browser, context=context).surroundings == Surroundings(
        "tablet", "fr-FR", "Asia/Tokyo", "evening"
    )
    assert read("page", browser, context=MessageContext(user_agent=PHONE)).surroundings.device == "mobile"


def test_surroundings_have_one_word_for_each_thing() -> None:
    context = MessageContext(device=MessageDevice("Smartphone"), locale="DE_de")
    assert read("page", context=context).surroundings == Surroundings("mobile", "de-DE")
    unknown = MessageContext(device=MessageDevice("unknown"), locale="C", user_agent=PHONE)
    assert read("page", Browser("desktop", "fr_ca"), context=unknown).surroundings == Surroundings("mobile", "fr-CA")


def test_unknown_time_zone_is_left_out() -> None:
    context = MessageContext(timezone="Moon/Crater")
    assert read("page", context=context).surroundings == Surroundings()


def test_only_identify_messages_have_traits() -> None:
    assert read("identify", traits={"plan": "pro"}).traits == {"plan": "pro"}
    assert read("page", traits={"plan": "pro"}).traits is None
