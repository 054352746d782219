"""Visitors that a person can play in the demo's shop. A persona has only what a shop can observe of a visitor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from edgewise.demo.simulated_visitors import AGENTS, VisitorSegment


class Persona(NamedTuple):
    """`landing_page` has the campaign in its query. Without a `user_agent`, the browser's own applies."""

    slug: str
    name: str
    looks: str
    landing_page: str
    basket: str = ""
    user_agent: str | None = None


_BASKETS = {
    "students": "tea-mug:1",
    "bargain hunters": "linen-towel:1.oak-spoon:1",
    "gift buyers": "walnut-bowl:1.linen-napkins:1",
}
"""The basket that each persona has from an earlier visit."""


def personas(segments: Iterable[VisitorSegment]) -> Mapping[str, Persona]:
    """The browser's own persona and a typical one of each segment, by their slugs."""
    played = [Persona("yourself", "yourself", "this browser", "/"), *(_typical(segment) for segment in segments)]
    return {persona.slug: persona for persona in played}


def _typical(segment: VisitorSegment) -> Persona:
    device = _most_frequent(segment.devices)
    source = _most_frequent(segment.sources)
    return Persona(
        slug=segment.name.replace(" ", "-"),
        name=segment.name,
        looks=f"{device}, {source}",
        landing_page=f"/?utm_source={source}",
        basket=_BASKETS[segment.name],
        user_agent=AGENTS[device],
    )


def _most_frequent(frequencies: Mapping[str, float]) -> str:
    return max(frequencies, key=lambda name: frequencies[name])
