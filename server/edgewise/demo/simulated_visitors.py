"""Simulated visitors. What a segment likes stands here and is never sent: the server sees ordinary context only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, TypeAlias

CLICK, ORDER = "$click", "Order Completed"

INDIFFERENT = 0.05
"""How likely a click is on an action that a segment has no taste for: on one that was added to the policy, say."""

RESOLVE = 0.35
"""How likely an order is once a visitor has clicked."""

Worth: TypeAlias = Mapping[tuple[str, ...], float]
"""The reward of each `Reaction` there is."""

Reaction: TypeAlias = tuple[str, ...]
"""The names of the events that follow: nothing, a click, or a click and an order."""

REACTIONS: tuple[Reaction, ...] = ((), (CLICK,), (CLICK, ORDER))

_LANGUAGES = ("en-GB", "de-DE", "fr-FR")
AGENTS = {
    "mobile": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
    "desktop": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """Visitors who are alike. `tastes` is how likely each action is to be clicked, `likes` a category of products.
    `nudges` is how likely their basket becomes an order, by what is said in the cart.

    `devices` and `sources` (the campaign that brought them) hold how frequent each is, `baskets` the least and the most
    that a basket of theirs is worth. They overlap between segments, so that no single one of them gives a taste away.
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
        return self.tastes.get(action, INDIFFERENT)

    @property
    def favourite(self) -> str:
        """The action that they like best."""
        return max(self.tastes, key=self.taste)

    def value(self, action: str, worth: Worth) -> float:
        """The reward to expect from one of them who is shown this action."""
        clicks = self.taste(action)
        chances = (1 - clicks, clicks * (1 - RESOLVE), clicks * RESOLVE)
        return sum(chance * worth[reaction] for chance, reaction in zip(chances, REACTIONS, strict=True))


SEGMENTS: tuple[Segment, ...] = (
    Segment(
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
    Segment(
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
    Segment(
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


class Visitor(NamedTuple):
    """One visitor. `interest` and `resolve`, in [0, 1), settle how they react to whatever they are shown."""

    id: str
    segment: Segment
    context: Mapping[str, Any]
    user_agent: str
    interest: float
    resolve: float

    def reaction(self, action: str) -> Reaction:
        """What follows when this action is shown to them."""
        if self.interest >= self.segment.taste(action):
            return ()
        return (CLICK, ORDER) if self.resolve < RESOLVE else (CLICK,)


def arriving(count: int, seed: int, segments: Sequence[Segment] = SEGMENTS) -> Iterator[Visitor]:
    """So many visitors, in the order in which they arrive; the same seed gives the same ones."""
    random = Random(seed)
    for _ in range(count):
        [segment] = random.choices(segments, [one.share for one in segments])
        device = _one_of(segment.devices, random)
        yield Visitor(
            f"{random.getrandbits(64):016x}",
            segment,
            _context(segment, device, random),
            AGENTS[device],
            random.random(),
            random.random(),
        )


def best_for_all(segments: Sequence[Segment], worth: Worth) -> float:
    """The reward to expect from a visitor when the best single action is shown to everyone."""
    actions = {action for segment in segments for action in segment.tastes}
    return max(sum(one.share * one.value(action, worth) for one in segments) for action in actions)


def best_for_each(segments: Sequence[Segment], worth: Worth) -> float:
    """The reward to expect from a visitor when everyone is shown what their segment likes best."""
    return sum(segment.share * segment.value(segment.favourite, worth) for segment in segments)


def _context(segment: Segment, device: str, random: Random) -> Mapping[str, Any]:
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
