"""Simulated visitors. Their tastes are never sent, so the server has only ordinary context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, TypeAlias

CLICK, ORDER = "$click", "Order Completed"

DEFAULT_TASTE = 0.05
"""Probability of a click on an action that a segment has no taste for, such as one added to the policy later."""

ORDER_RATE = 0.35
"""Probability of an order after a click."""

ReactionRewards: TypeAlias = Mapping[tuple[str, ...], float]
"""The reward of each `Reaction`."""

Reaction: TypeAlias = tuple[str, ...]
"""The names of the events after an impression: none, a click, or a click and an order."""

REACTIONS: tuple[Reaction, ...] = ((), (CLICK,), (CLICK, ORDER))

_LANGUAGES = ("en-GB", "de-DE", "fr-FR")
AGENTS = {
    "mobile": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
    "desktop": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
}


@dataclass(frozen=True, slots=True)
class VisitorSegment:
    """A group of visitors with the same tastes.

    - `tastes` has the probability of a click on each action.
    - `likes` is their favorite category of products.
    - `nudges` has the probability of an order for each nudge in the cart.
    - `devices` and `sources` (the campaigns that bring them) have the frequency of each.
    - `baskets` has the lowest and the highest value of a basket.

    Devices, sources and baskets overlap between segments, so no single feature identifies a segment.
    """

    name: str
    looks: str
    share: float
    devices: Mapping[str, float]
    sources: Mapping[str, float]
    baskets: tuple[int, int]
    tastes: Mapping[str, float]
    likes: str
    nudges: Mapping[str, float]

    def taste(self, action: str) -> float:
        return self.tastes.get(action, DEFAULT_TASTE)

    @property
    def favorite(self) -> str:
        """The action with the highest taste."""
        return max(self.tastes, key=self.taste)

    def value(self, action: str, rewards: ReactionRewards) -> float:
        """The expected reward of this action for a visitor of the segment."""
        clicks = self.taste(action)
        chances = (1 - clicks, clicks * (1 - ORDER_RATE), clicks * ORDER_RATE)
        return sum(chance * rewards[reaction] for chance, reaction in zip(chances, REACTIONS, strict=True))


SEGMENTS: tuple[VisitorSegment, ...] = (
    VisitorSegment(
        name="students",
        looks="mobile, instagram",
        share=0.36,
        devices={"mobile": 0.9, "desktop": 0.1},
        sources={"instagram": 0.7, "newsletter": 0.2, "ads": 0.1},
        baskets=(5, 35),
        tastes={"plain": 0.15, "new-arrivals": 0.44, "free-shipping": 0.12, "summer-sale": 0.10},
        likes="coffee",
        nudges={"nothing": 0.6, "almost-free-shipping": 0.2, "free-gift": 0.3},
    ),
    VisitorSegment(
        name="bargain hunters",
        looks="desktop, pricewatch",
        share=0.34,
        devices={"mobile": 0.2, "desktop": 0.8},
        sources={"pricewatch": 0.7, "newsletter": 0.2, "ads": 0.1},
        baskets=(10, 60),
        tastes={"plain": 0.14, "new-arrivals": 0.09, "free-shipping": 0.15, "summer-sale": 0.45},
        likes="linen",
        nudges={"nothing": 0.2, "almost-free-shipping": 0.75, "free-gift": 0.7},
    ),
    VisitorSegment(
        name="gift buyers",
        looks="any device, ads",
        share=0.30,
        devices={"mobile": 0.5, "desktop": 0.5},
        sources={"ads": 0.8, "instagram": 0.1, "pricewatch": 0.1},
        baskets=(40, 140),
        tastes={"plain": 0.16, "new-arrivals": 0.12, "free-shipping": 0.43, "summer-sale": 0.10},
        likes="wood",
        nudges={"nothing": 0.3, "almost-free-shipping": 0.3, "free-gift": 0.75},
    ),
)


class SimulatedVisitor(NamedTuple):
    """`click_draw` and `order_draw`, uniform in [0, 1), determine the reaction to every action."""

    id: str
    segment: VisitorSegment
    context: Mapping[str, Any]
    user_agent: str
    click_draw: float
    order_draw: float

    def reaction(self, action: str) -> Reaction:
        if self.click_draw >= self.segment.taste(action):
            return ()
        return (CLICK, ORDER) if self.order_draw < ORDER_RATE else (CLICK,)


def generate_visitors(
    count: int, seed: int, segments: Sequence[VisitorSegment] = SEGMENTS
) -> Iterator[SimulatedVisitor]:
    """Yield `count` visitors. The same seed gives the same visitors."""
    random = Random(seed)
    for _ in range(count):
        [segment] = random.choices(segments, [one.share for one in segments])
        device = _one_of(segment.devices, random)
        yield SimulatedVisitor(
            f"{random.getrandbits(64):016x}",
            segment,
            _context(segment, device, random),
            AGENTS[device],
            random.random(),
            random.random(),
        )


def best_for_all(segments: Sequence[VisitorSegment], rewards: ReactionRewards) -> float:
    """The expected reward of the best single action for all segments."""
    actions = {action for segment in segments for action in segment.tastes}
    return max(sum(one.share * one.value(action, rewards) for one in segments) for action in actions)


def best_for_each(segments: Sequence[VisitorSegment], rewards: ReactionRewards) -> float:
    """The expected reward of showing each segment its favorite."""
    return sum(segment.share * segment.value(segment.favorite, rewards) for segment in segments)


def _context(segment: VisitorSegment, device: str, random: Random) -> Mapping[str, Any]:
    source = _one_of(segment.sources, random)
    return {
        "page": {"url": f"https://shop.example/?utm_source={source}", "type": "home"},
        "device": {"type": device},
        "locale": random.choice(_LANGUAGES),
        "data": {"basketValue": random.randint(*segment.baskets)},
    }


def _one_of(frequencies: Mapping[str, float], random: Random) -> str:
    [chosen] = random.choices(list(frequencies), list(frequencies.values()))
    return chosen
