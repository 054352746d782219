from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import ProfileError
from edgewise.visitors import profile as profiles
from edgewise.visitors.activity import Activity, Surroundings
from edgewise.visitors.merging import merge
from edgewise.visitors.names import MAX_COUNT
from edgewise.visitors.products import Commerce, Product
from edgewise.visitors.profile import LIMIT_BYTES, REMEMBERED_MESSAGES, SESSION_GAP, Profile
from edgewise.visitors.sources import Source
from edgewise.visitors.traits import with_traits
from tests.visitors.activities import DAY, MINUTE, NOW, activities, make_activity, make_page, make_product, make_profile


@given(st.lists(activities, max_size=REMEMBERED_MESSAGES, unique_by=lambda one: one.message[:4]))
def test_repeated_messages_change_nothing(many: list[Activity]) -> None:
    once = make_profile(*many)
    assert make_profile(*many, *many) == once


@given(st.lists(activities, max_size=60), st.lists(activities, max_size=10))
def test_profile_is_bounded_and_decodes_to_itself(many: list[Activity], others: list[Activity]) -> None:
    for profile in (make_profile(*many), merge(make_profile(*many), make_profile(*others))):
        stored = profile.encode()
        assert len(stored) <= LIMIT_BYTES
        assert profiles.decode(stored) == profile


@given(
    st.lists(activities.map(lambda one: one._replace(order=None)), max_size=60, unique_by=lambda one: one.message[:4])
)
def test_counters_survive_when_details_are_dropped(many: list[Activity]) -> None:
    profile = make_profile(*many)
    counted = [one for one in many if not one.seen]
    shopped = [one for one in counted if one.commerce is not None]
    assert profile.page_views == sum(one.kind in ("page", "screen") for one in counted)
    assert profile.orders == sum(one.name == "Order Completed" for one in shopped)
    assert profile.products_viewed == sum(one.name == "Product Viewed" for one in shopped)
    assert profile.searches == sum(one.name == "Products Searched" for one in counted)


def fullest() -> Profile:
    """The largest possible profile."""
    names = [f"{number:03d}" + "\U0001f6d2" * 40 for number in range(100)]
    source = Source(MAX_COUNT, *("\u00e9" * 20 for _ in range(5)))
    many = []
    for number in range(2000):
        name = names[number % 100]
        bought = Commerce(tuple(Product(f"{item}{name}", name, name, 1e8, 10**6) for item in range(6)), name, 1e300)
        at, mark, ids = 2**53 + number * 1000, number.to_bytes(8, "little"), (number.to_bytes(8, "big"),)
        around = Surroundings(name, name, name, name)
        kind = ("Product Added", "Product Viewed", "Order Completed", name)[number % 4 if number < 1000 else number % 2]
        many.append(Activity("track", kind, at, mark, ids, bought, None, source, around, {name: name}))
        many.append(Activity("page", None, at, b"p" + mark[:7], ids, None, name, source, around, None))
        many.append(Activity("track", "$impression", at, b"s" + mark[:7], ids, seen=(name, f"/{name}")))
        many.append(Activity("track", name, at, b"n" + mark[:7], ids))
    most = dict.fromkeys(("first_seen", "sessions", "engaged", "page_views", "searches"), MAX_COUNT)
    merged = tuple(number.to_bytes(8, "big") for number in range(16))
    profile = make_profile(*many)
    return msgspec.structs.replace(
        profile,
        **most,
        merged=merged,
        products_viewed=MAX_COUNT,
        events=dict.fromkeys(profile.events, MAX_COUNT),
        pages=dict.fromkeys(profile.pages, MAX_COUNT),
    )


def test_largest_profile_is_within_its_bound() -> None:
    profile = fullest()
    assert 7000 < len(profile.encode()) <= LIMIT_BYTES
    assert len(merge(profile, profile).encode()) <= LIMIT_BYTES


def customer(columns: int = 20, size: int = 200) -> Profile:
    """A typical profile with the columns of a customer file."""
    return msgspec.structs.replace(typical(), traits=with_traits({}, columns_of(columns, size), 5))


def columns_of(columns: int, size: int) -> dict[str, str]:
    return {f"column {number:02}": "x" * size for number in range(columns)}


def test_a_customer_file_of_32_columns_fits() -> None:
    profile = customer(32, 200)
    assert profiles.decode(profile.encode()) == profile


def test_a_profile_without_room_keeps_the_traits_that_were_set_last() -> None:
    full = msgspec.structs.replace(customer(64, 256), traits=with_traits({}, columns_of(64, 256), 5))
    newer = msgspec.structs.replace(full, traits=with_traits(full.traits, {"z": "new"}, 6))
    stored = newer.encode()
    kept = list(profiles.decode(stored).traits)
    assert LIMIT_BYTES - 300 < len(stored) <= LIMIT_BYTES
    assert kept == [*(f"column {number:02}" for number in range(len(kept) - 1)), "z"]
    assert profiles.decode(stored).encode() == stored


def typical() -> Profile:
    """A profile with twelve visits of a shop within a month, and two orders."""
    names = ["Product Viewed", "Product Viewed", "Product Added", "Checkout Started", "Order Completed"]
    ids = (b"browser1", b"user1234")
    return make_profile(
        *(
            make_activity(
                names[number % 5] if number % 30 < 5 else "Product Viewed",
                NOW - 30 * DAY + number * 100 * MINUTE,
                2 * number,
                ids,
                products=(make_product(f"sku-{number % 9}", category=("shoes", "hats", "bags")[number % 3]),),
                source=Source(NOW // 1000, "google", "cpc", "spring-sale", "www.google.com", "/shoes"),
                surroundings=Surroundings("mobile", "de-DE", "Europe/Berlin", "evening"),
            )
            for number in range(60)
        ),
        *(make_page(("home", "product", "category")[number % 3], NOW + number, 2 * number + 1) for number in range(60)),
    )


def test_typical_profile_is_under_a_kilobyte() -> None:
    assert 500 < len(typical().encode()) <= 1024


@given(st.lists(activities, min_size=1, max_size=10), st.data())
def test_truncated_profile_is_an_error(many: list[Activity], data: st.DataObject) -> None:
    stored = make_profile(*many).encode()
    length = data.draw(st.integers(0, len(stored) - 1))
    with pytest.raises(ProfileError, match=f"^Expected an encoded profile, found {length} bytes: "):
        profiles.decode(stored[:length])


@given(st.binary(max_size=200))
def test_damaged_bytes_are_an_error_or_a_profile(stored: bytes) -> None:
    with suppress(ProfileError):
        assert isinstance(profiles.decode(stored), Profile)


def test_profile_of_another_format_is_an_error() -> None:
    fields = list(msgspec.to_builtins(Profile(), builtin_types=(bytes,)))
    with pytest.raises(ProfileError, match="3"):
        profiles.decode(msgspec.msgpack.encode([3, *fields[1:]]))
    with pytest.raises(ProfileError):
        profiles.decode(msgspec.msgpack.encode([*fields, "more"]))
    with pytest.raises(ProfileError):
        profiles.decode(msgspec.msgpack.encode([1, NOW, NOW, 1, 2, 0, 0.0, {}, [], b""]))


def test_half_an_hour_of_inactivity_starts_a_new_session() -> None:
    profile = make_profile(make_activity(message=1), make_activity(at=NOW + SESSION_GAP, message=2))
    assert (profile.sessions, profile.first_seen, profile.last_seen) == (1, NOW, NOW + SESSION_GAP)
    assert profile.engaged == SESSION_GAP // 1000
    later = make_profile(make_activity(message=1), make_activity(at=NOW + SESSION_GAP + 1, message=2))
    assert (later.sessions, later.engaged) == (2, 0)


def test_late_message_starts_no_session() -> None:
    profile = make_profile(make_activity(message=1), make_activity(at=NOW - 10 * SESSION_GAP, message=2))
    assert (profile.sessions, profile.first_seen, profile.last_seen) == (1, NOW - 10 * SESSION_GAP, NOW)


def test_orders_and_pages_are_counted_and_revenue_is_summed() -> None:
    profile = make_profile(
        make_activity("Order Completed", message=1, amount=10.25),
        make_activity("Order Completed", message=2, amount=5.5),
        make_activity("Order Refunded", message=3, amount=5.5),
        make_activity("Product Viewed", message=4, amount=99.0),
        make_page("home", message=5),
        make_page("home", message=6),
        make_page("product", message=7),
    )
    assert (profile.orders, profile.revenue, profile.purchases.refunds) == (2, 10.25, 1)
    assert (profile.page_views, profile.pages) == (3, {"home": 2, "product": 1})
    assert profile.events == {"Order Completed": 2, "Order Refunded": 1, "Product Viewed": 1}


def test_new_event_name_replaces_the_rarest() -> None:
    often = [make_activity(f"often {number}", message=2 * number + extra) for number in range(15) for extra in (0, 1)]
    profile = make_profile(*often, make_activity("once", message=100), make_activity("new", message=101))
    assert len(profile.events) == 16
    assert "new" in profile.events
    assert "once" not in profile.events


def test_impression_is_kept_by_placement_and_counts_nowhere_else() -> None:
    profile = make_profile(make_activity("$impression", ids=(b"visitor1",), seen=("hero", "hero/deal")))
    assert profile.seen == {"hero": NOW // 1000, "hero/deal": NOW // 1000}
    assert (profile.sessions, profile.events, profile.last_seen) == (0, {}, 0)
    assert profile.origin == (NOW, b"visitor1")


def test_traits_have_the_values_that_were_set_last() -> None:
    identified = [
        Activity("identify", None, NOW + at, at.to_bytes(8, "little"), traits=traits)
        for at, traits in (
            (0, {"plan": "free", "age": 30}),
            (2000, {"plan": "pro", "age": None}),
            (1000, {"plan": "x"}),
        )
    ]
    assert {name: value for name, (_, value) in make_profile(*identified).traits.items()} == {"plan": "pro"}
