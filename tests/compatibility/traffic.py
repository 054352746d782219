"""The visits of a recording: a bounded number of decisions, with everything that may follow one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, TypeAlias

from tests.compatibility.service import Service

Message: TypeAlias = dict[str, Any]

PLACEMENTS = ("hero", "row", "nudge", "offer", "notice")
FROZEN = "notice"
NO_HEADERS: Mapping[str, str] = {}
VISITORS = 24

CUSTOMER = "customer-4711"
"""The user id of visitor-0, who also has the anonymous ids visitor-0 and visitor-0-phone."""

ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

_PRODUCTS = (("tea-pot", "tea", 39.0), ("linen-towel", "linen", 18.0), ("oak-board", "oak", 25.5))
_PAGES = (
    "https://www.shop.example/?utm_source=newsletter&utm_medium=mail&utm_campaign=autumn",
    "https://www.shop.example/tea?utm_source=ads",
    "https://www.shop.example/",
)


class Traffic:
    """Sends visits, and keeps what a recording needs to know about them.

    `group` begins the ids of visitors and messages. `learnable` counts the slots whose reward the learner must learn:
    seen, and drawn by a policy that learns. `unseen` are decisions that wait for an impression until the recording
    ends. `chosen` is the last decision for each visitor and placement, `ordered` the last order.
    """

    def __init__(self, service: Service, group: str = "visitor") -> None:
        self.learnable: Counter[str] = Counter()
        self.unseen: list[dict[str, Any]] = []
        self.chosen: dict[tuple[str, str], dict[str, Any]] = {}
        self.ordered: Message = {}
        self._service = service
        self._group = group
        self._chance = Random(1)
        self._messages = 0
        self._seen: set[tuple[str, int]] = set()

    async def visit(self, round: int, visitors: int = VISITORS) -> None:
        """One visit of each of these visitors."""
        for number in range(visitors):
            await self._visit(f"{self._group}-{number}", number, round)

    async def leave_unseen(self) -> None:
        """Decisions that nobody sees. The log goes on after them."""
        for number in range(6):
            visitor = f"late-{number}"
            for decision in await self._decide(visitor, number):
                self.unseen.append({"visitor": visitor, **decision})

    async def finish(self) -> None:
        """Identities, visitors without consent, and a robot."""
        await self._identify()
        await self._come_without_consent()
        await self._service.post("/v1/decide", request("robot-1", 0), user_agent=ROBOT)

    async def _visit(self, visitor: str, number: int, round: int) -> None:
        page = {"url": _PAGES[number % len(_PAGES)], "referrer": "https://www.google.com/"}
        product, category, price = _PRODUCTS[number % len(_PRODUCTS)]
        item = {"product_id": product, "category": category, "brand": "Own", "price": price, "quantity": 1}
        await self._send(
            visitor,
            # The counts differ, so that a test sees when two of them are confused.
            {"type": "page", "properties": {"type": "home"}, "context": {"page": page, "locale": "de-DE"}},
            *({"type": "page", "properties": {"type": "product"}} for _ in range(2)),
            _track("Products Searched", query="tea"),
            *(_track("Product Viewed", **item) for _ in range(2)),
        )
        for decision in await self._decide(visitor, number):
            await self._follow(visitor, decision)
        if number % 2:
            await self._send(visitor, _track("Product Added", **item))
        if number % 3 == 0:
            order = {"order_id": f"order-{number}-{round}", "revenue": price, "products": [item]}
            self.ordered = {"anonymousId": visitor, "messageId": self._next_id(), **_track("Order Completed", **order)}
            await self._post([self.ordered])
        if number % 5 == 0:
            await self._send(visitor, _track("Dismissed"))

    async def _follow(self, visitor: str, decision: dict[str, Any]) -> None:
        """What a visitor does with a decision: sees it, and perhaps clicks or closes it."""
        id, slots = decision["decisionId"], len(decision.get("slots", ("one",)))
        messages = [_track("$impression", decisionId=id)]
        if self._chance.random() < 0.4:
            messages.append(_track("$click", decisionId=id, slot=self._chance.randrange(slots)))
        if self._chance.random() < 0.2:
            messages.append(_track("$reward", decisionId=id, value=0.5, slot=0))
        if decision.get("action") == "pop-up":
            messages.append(_track("Dismissed", decisionId=id))
        await self._send(visitor, *messages)
        if decision["group"] == "policy" and decision["placement"] != FROZEN:
            fresh = {(id, slot) for slot in range(slots)} - self._seen
            self._seen |= fresh
            self.learnable[decision["placement"]] += len(fresh)

    async def _identify(self) -> None:
        for anonymous in ("visitor-0", "visitor-0-phone"):
            traits = {"plan": "pro", "age": 41, "newsletter": True, "diagnosis": "secret"}
            identify = {"type": "identify", "userId": CUSTOMER, "traits": traits}
            await self._send(anonymous, identify, by_server=True)
        alias = {"type": "alias", "previousId": "visitor-2", "userId": "customer-2"}
        await self._send("visitor-2", alias, by_server=True)
        await self._send("visitor-0-phone", _track("Product Added", product_id="oak-board", price=25.5, quantity=2))

    async def _come_without_consent(self) -> None:
        for number in range(4):
            answer = await self._service.post("/v1/decide", {**request("stranger", number), "consent": "denied"})
            for decision in answer["decisions"]:
                if decision["decisionId"] is not None:
                    await self._follow_without_consent(decision)

    async def _follow_without_consent(self, decision: dict[str, Any]) -> None:
        message = _track("$click", decisionId=decision["decisionId"], slot=0)
        await self._post([{**message, "messageId": self._next_id()}], consent="denied")
        if decision["group"] == "policy" and decision["placement"] != FROZEN:
            self.learnable[decision["placement"]] += 1

    async def _decide(self, visitor: str, number: int) -> list[dict[str, Any]]:
        body = request(visitor, number)
        body["context"]["timezone"] = "Europe/Berlin"
        decisions: list[dict[str, Any]] = (await self._service.post("/v1/decide", body))["decisions"]
        for decision in decisions:
            self.chosen[visitor, decision["placement"]] = decision
        return decisions

    async def _send(self, visitor: str, *messages: Message, by_server: bool = False) -> None:
        batch = [{"anonymousId": visitor, "messageId": self._next_id(), **one} for one in messages]
        await self._post(batch, headers=self._service.bearer if by_server else {})

    async def _post(self, batch: list[Message], headers: Mapping[str, str] = NO_HEADERS, **more: str) -> None:
        answer = await self._service.post("/v1/batch", {"batch": batch, **more}, **headers)
        assert answer["rejected"] == [], answer

    def _next_id(self) -> str:
        self._messages += 1
        return f"{self._group}-message-{self._messages}"


def request(visitor: str, number: int) -> dict[str, Any]:
    """The body of a decide call for all placements. It names no time zone, so that the time is no feature."""
    return {
        "anonymousId": visitor,
        "placements": list(PLACEMENTS),
        "context": {
            "page": {"url": _PAGES[number % len(_PAGES)], "type": "home"},
            "device": {"type": ("mobile", "desktop")[number % 2]},
            "locale": ("de-DE", "en-GB", "fr-FR")[number % 3],
            "data": {"basketValue": 10.0 * number},
        },
    }


def requests() -> Iterator[dict[str, Any]]:
    """Decide calls whose explanations are compared: known visitors, the customer, and one who was never here."""
    for number in range(8):
        yield request(f"visitor-{number}", number)
    yield {**request("visitor-0-phone", 5), "userId": CUSTOMER}
    yield request("never-seen", 1)


def _track(event: str, **properties: Any) -> Message:
    return {"type": "track", "event": event, "properties": properties}
