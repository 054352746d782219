"""Activities for tests: makers, and strategies of Hypothesis."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from edgewise.types import Digest
from edgewise.visitors.activity import Activity, Surroundings
from edgewise.visitors.counted_orders import ORDER_COMPLETED, order_key
from edgewise.visitors.message import Kind
from edgewise.visitors.products import EVENTS, Commerce, Product
from edgewise.visitors.profile import Profile
from edgewise.visitors.sources import Source

NOW = 1_790_000_000_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE

digests = st.binary(min_size=8, max_size=8)
times = st.integers(NOW - 300 * DAY, NOW) | st.integers(0, 2**45)
texts = st.sampled_from(["shoes", "hats", "acme"]) | st.text(max_size=200)
money = st.floats(allow_nan=False, allow_infinity=False)
products = st.builds(
    Product, st.none() | texts, st.none() | texts, st.none() | texts, st.none() | money, st.integers(0, 10**6)
)
commerces = st.builds(
    Commerce, st.lists(products, max_size=4).map(tuple), st.none() | texts, money, has_products=st.booleans()
)
sources = st.builds(Source, st.integers(0, 2**32 - 1), *(st.text(max_size=10) for _ in range(5)))
traits = st.dictionaries(texts, st.none() | texts | st.booleans() | st.integers() | money, max_size=4)
activities = st.builds(
    Activity,
    st.sampled_from(get_args(Kind)),
    st.none() | st.sampled_from(sorted(EVENTS)) | texts,
    times,
    digests,
    st.lists(digests, max_size=4).map(tuple),
    st.none() | commerces,
    st.none() | texts,
    st.none() | sources,
    st.builds(Surroundings, *(st.none() | texts for _ in range(4))),
    st.none() | traits,
    st.lists(texts, max_size=2).map(tuple),
    st.booleans(),
    st.none() | st.builds(order_key, st.sampled_from([ORDER_COMPLETED, "Signed Up"]), st.sampled_from("1234")),
)


def make_activity(
    name: str = "Product Viewed",
    at: int = NOW,
    message: int = 1,
    ids: tuple[Digest, ...] = (),
    amount: float = 0.0,
    products: tuple[Product, ...] = (),
    **more: Any,
) -> Activity:
    """Make an e-commerce event."""
    commerce = Commerce(products, None, amount)
    return Activity("track", name, at, message.to_bytes(8, "little"), ids, commerce, **more)


def make_page(kind: str | None = None, at: int = NOW, message: int = 1, **more: Any) -> Activity:
    """Make a page view."""
    return Activity("page", None, at, message.to_bytes(8, "little"), page=kind, **more)


def make_product(id: str, quantity: int = 1, price: float | None = 10.0, category: str = "shoes") -> Product:
    """Make a product of a shoe shop."""
    return Product(id, category, "acme", price, quantity)


def make_profile(*many: Activity) -> Profile:
    """Make the profile of a visitor with these activities."""
    profile = Profile()
    for one in many:
        profile = profile.apply(one)
    return profile
