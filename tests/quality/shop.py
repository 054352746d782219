"""A simulated shop with four kinds of visitors. A few percent of them convert.

The kind shows in the visitor's source and a little in the device. Page, country, hour, sessions and basket are noise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from tests.quality.stream import FloatArray, IntArray, Stream

KINDS = 4
SOURCES = ("instagram", "google", "newsletter", "pricewatch", "direct")
DEVICES = ("mobile", "desktop", "tablet")
PAGES = ("home", "category", "product", "cart")
COUNTRIES = ("DE", "AT", "CH", "FR")

MOST_BANNERS = 5
"""Up to this number of actions, the shop shows banners. With more, it shows products, which have more features."""


class Visitors(NamedTuple):
    """The kind, source and device of each event's visitor, by number."""

    kind: IntArray
    source: IntArray
    device: IntArray


class Offers(NamedTuple):
    """The features of each action."""

    tone: IntArray
    category: IntArray
    discount: IntArray
    price: FloatArray


def shop(
    name: str,
    K: int,
    T: int,
    seed: int,
    *,
    conversion: tuple[float, float] = (0.02, 0.08),
    cross: bool = False,
    drift: bool = False,
    delay: int = 0,
) -> Stream:
    """T visits to a shop with K actions. `conversion` is the lowest and the highest expected reward.

    With `cross`, only source and device together show the kind. With `drift`, each kind gets the tastes of another one
    after half of the events.
    """
    # The order of the random numbers is a part of the stream: another order makes other streams.
    rng = np.random.default_rng([seed, 3, K, cross])
    shares = rng.dirichlet([6.0] * KINDS)
    visitors = _crossed_visitors(rng, T) if cross else _visitors(rng, T, shares)
    offers = Offers(
        rng.integers(0, 4, K),
        rng.integers(0, 8, K),
        rng.choice([0, 5, 10, 20], K),
        np.asarray(np.round(np.exp(rng.normal(3.5, 0.8, K)), 2), np.float64),
    )
    rates = _banner_rates(rng, K, *conversion) if K <= MOST_BANNERS else _product_rates(rng, offers, *conversion)
    P = rates[visitors.kind]
    change = T // 2 if drift else None
    if change is not None:
        P[change:] = rates[(visitors.kind[change:] - 1) % KINDS]
    contexts = _contexts(rng, visitors)
    return Stream(name, _actions(offers), contexts, P, delay=delay, change=change)


def _visitors(rng: Generator, T: int, shares: FloatArray) -> Visitors:
    """Four of five visitors come from the source of their kind, and half have its device."""
    kind = rng.choice(KINDS, T, p=shares)
    has_source = rng.random(T) < 0.8
    source = np.where(has_source, kind, rng.integers(0, len(SOURCES), T))
    has_device = rng.random(T) < 0.5
    return Visitors(kind, source, np.where(has_device, kind % 3, rng.integers(0, len(DEVICES), T)))


def _crossed_visitors(rng: Generator, T: int) -> Visitors:
    table = rng.permutation(np.arange(15) % KINDS).reshape(len(SOURCES), len(DEVICES))
    source = rng.integers(0, len(SOURCES), T)
    device = rng.choice(len(DEVICES), T, p=[0.5, 0.35, 0.15])
    return Visitors(table[source, device], source, device)


def _banner_rates(rng: Generator, K: int, low: float, high: float) -> FloatArray:
    """The conversion by kind and action. Each kind has one favourite and one second choice."""
    span = high - low
    rates = rng.uniform(low, low + 0.25 * span, (KINDS, K))
    for kind, favourite in enumerate(rng.permutation(K)[:KINDS]):
        rates[kind, (favourite + 1) % K] = rng.uniform(low + 0.33 * span, low + 0.5 * span)
        rates[kind, favourite] = rng.uniform(low + 0.67 * span, high)
    return rates


def _product_rates(rng: Generator, offers: Offers, low: float, high: float) -> FloatArray:
    """The conversion by kind and action, by the kind's taste for the product's features and a random rest."""
    taste = rng.normal(0, 1, (KINDS, 4))[:, offers.tone]
    taste = taste + rng.normal(0, 1.5, (KINDS, 8))[:, offers.category]
    taste = taste + rng.normal(0.03, 0.05, (KINDS, 1)) * offers.discount
    taste = taste - rng.normal(0.3, 0.4, (KINDS, 1)) * np.log(offers.price)
    taste = taste + rng.normal(0, 0.5, taste.shape)
    taste = (taste - taste.mean(1, keepdims=True)) / taste.std(1, keepdims=True)
    return np.asarray(low + (high - low) / (1 + np.exp(-2.0 * (taste - 1.5))))


def _actions(offers: Offers) -> list[tuple[str, dict[str, Any]]]:
    banners = len(offers.tone) <= MOST_BANNERS
    actions: list[tuple[str, dict[str, Any]]] = []
    for number, (tone, category, discount, price) in enumerate(zip(*offers, strict=True)):
        features: dict[str, Any] = {"tone": f"t{tone}", "discount": int(discount)}
        if not banners:
            features |= {"kind": f"k{category}", "price": float(price)}
        actions.append((f"{'banner' if banners else 'sku'}-{number}", features))
    return actions


def _contexts(rng: Generator, visitors: Visitors) -> list[dict[str, Any]]:
    T = len(visitors.kind)
    page = rng.integers(0, len(PAGES), T)
    country = rng.choice(len(COUNTRIES), T, p=[0.6, 0.2, 0.1, 0.1])
    hour = rng.integers(0, 24, T)
    sessions = rng.geometric(0.4, T)
    is_empty = rng.random(T) < 0.5
    basket = np.round(np.where(is_empty, 0, np.exp(rng.normal(3.5, 0.8, T))), 2)
    return [
        {
            "page": {"type": PAGES[page[event]]},
            "device": {"type": DEVICES[visitors.device[event]]},
            "place": {"country": COUNTRIES[country[event]]},
            "time": {"hour": int(hour[event])},
            "visitor": {"source": SOURCES[visitors.source[event]], "sessions": int(sessions[event])},
            "data": {"basketValue": float(basket[event])},
        }
        for event in range(T)
    ]
