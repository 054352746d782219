"""Guises: those whom one can play in the demo's shop. Each is what a shop sees of such a visitor, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from edgewise.demo.simulated_visitors import AGENTS, Segment


class Guise(NamedTuple):
    """`arrives_at` is the first page, with the campaign that led there. Without a `user_agent`: the browser's own."""

    slug: str
    name: str
    looks: str
    arrives_at: str
    basket: str = ""
    user_agent: str | None = None


_BASKETS = {
    "students": "tea-mug:1",
    "bargain hunters": "linen-towel:1.oak-spoon:1",
    "gift buyers": "walnut-bowl:1.linen-napkins:1",
}
"""What lies in the basket of each already, since the visit before."""


def guises(segments: Iterable[Segment]) -> Mapping[str, Guise]:
    """One for each segment, typical of it, and oneself; by their slugs."""
    played = [Guise("yourself", "yourself", "this browser", "/"), *(_typical(segment) for segment in segments)]
    return {guise.slug: guise for guise in played}


def _typical(segment: Segment) -> Guise:
    device = _most_frequent(segment.devices)
    source = _most_frequent(segment.sources)
    return Guise(
        slug=segment.name.replace(" ", "-"),
        name=segment.name,
        looks=f"{device}, {source}",
        arrives_at=f"/?utm_source={source}",
        basket=_BASKETS[segment.name],
        user_agent=AGENTS[device],
    )


def _most_frequent(frequencies: Mapping[str, float]) -> str:
    return max(frequencies, key=lambda name: frequencies[name])
