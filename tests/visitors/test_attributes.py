from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.bandit.features import context_line
from edgewise.conditions.compiler import matches
from edgewise.visitors import profile as profiles
from edgewise.visitors.activity import Activity, Surroundings
from edgewise.visitors.attributes import make_attributes
from edgewise.visitors.sources import Source
from tests.visitors.activities import DAY, MINUTE, NOW, activities, make_activity, make_page, make_product, make_profile
from tests.visitors.test_profile import fullest, typical


def test_attributes_describe_what_a_visitor_did() -> None:
    profile = make_profile(
        make_page("home", NOW - DAY, 1, source=Source(1, "google", "cpc", "spring", "www.google.com", "/")),
        make_activity("Products Searched", NOW - DAY + MINUTE, 2),
        make_activity("Product Viewed", NOW - 10 * MINUTE, 3, products=(make_product("sku-1"),)),
        make_activity("Product Added", NOW - 5 * MINUTE, 4, products=(make_product("sku-1", 2, 9.5),)),
        make_page("cart", NOW, 5, surroundings=Surroundings("mobile", "de-DE", "Europe/Berlin", "evening")),
        Activity("identify", None, NOW, b"identify", traits={"plan": "pro"}),
    )
    assert make_attributes(profile, NOW) == {
        "returning": True,
        "sessions": 2,
        "pageViews": 2,
        "orders": 0,
        "revenue": 0.0,
        "searches": 1,
        "productsViewed": 1,
        "cartItems": 2,
        "events": {"Products Searched": 1, "Product Viewed": 1, "Product Added": 1},
        "pages": {"home": 1, "cart": 1},
        "traits": {"plan": "pro"},
        "daysSinceFirst": 1,
        "daysSinceLast": 0,
        "secondsPerPage": (60 + 600) // 2,
        "cart": ["sku-1"],
        "cartValue": 19.0,
        "minutesSinceCart": 5,
        "topCategory": "shoes",
        "categories": {"shoes": pytest.approx(4.0, rel=1e-3)},
        "topBrand": "acme",
        "brands": {"acme": pytest.approx(4.0, rel=1e-3)},
        "products": ["sku-1"],
        "source": "google",
        "first": {
            "source": "google",
            "medium": "cpc",
            "campaign": "spring",
            "referrer": "www.google.com",
            "landing": "/",
        },
        "last": {
            "source": "google",
            "medium": "cpc",
            "campaign": "spring",
            "referrer": "www.google.com",
            "landing": "/",
        },
        "device": "mobile",
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "part": "evening",
    }


def test_days_since_an_impression_are_kept_for_placement_and_action() -> None:
    profile = make_profile(
        make_activity("$impression", NOW - 3 * DAY, 1, seen=("hero", "hero/student-deal")),
        make_activity("$impression", NOW - 1 * DAY, 2, seen=("hero", "hero/plain")),
    )
    assert make_attributes(profile, NOW)["daysSinceSeen"] == {"hero": 1, "hero/student-deal": 3, "hero/plain": 1}
    assert matches({"visitor.daysSinceSeen.hero/student-deal": {"$lt": 7}}, {"visitor": make_attributes(profile, NOW)})


def test_counters_of_a_new_visitor_are_zero() -> None:
    stranger = make_attributes(None, NOW)
    assert (stranger["sessions"], stranger["orders"], stranger["returning"]) == (0, 0, False)
    assert stranger.keys() <= make_attributes(make_profile(make_page()), NOW).keys()


@given(st.lists(activities, max_size=20), st.integers(0, 2**45))
def test_attributes_are_json_and_have_no_bytes(many: list[Activity], now: int) -> None:
    json.dumps(make_attributes(make_profile(*many), now), allow_nan=False)


def test_context_line_of_the_largest_profile_is_short() -> None:
    for profile in (typical(), fullest()):
        assert len(context_line({"visitor": make_attributes(profile, NOW)}).encode()) <= 400
    assert len(context_line({"visitor": make_attributes(typical(), NOW)}).encode()) <= 160


def test_attributes_of_a_typical_profile_take_microseconds() -> None:
    stored = typical().encode()
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(100):
            make_attributes(profiles.decode(stored), NOW)
        best = min(best, (time.perf_counter() - began) / 100)
    assert best < 50e-6, f"{best * 1e6:.1f} us"


def test_the_words_of_an_older_profile_are_translated() -> None:
    profile = make_profile(make_page("home", NOW, 1, surroundings=Surroundings("ios", "de_DE")))
    found = make_attributes(profile, NOW)
    assert (found["device"], found["locale"]) == ("mobile", "de-DE")
