"""Visitors over real HTTP: they decide, see, click and buy; what is not acknowledged they tell again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeAlias

import httpx

from tests.integration.ledger import Ledger, Payment, Shown, Span, shown_in
from tests.integration.shop import CLICK, ORDER

PATIENCE = 60.0
"""Seconds within which everything that is told must be acknowledged, whatever happens meanwhile."""

_PLACEMENTS = (["hero"], ["row"], ["hero", "row"], ["hero", {"id": "row", "slots": 2}])

Message: TypeAlias = dict[str, Any]


class Traffic:
    """A bounded stream of visits by a few visitors at a time."""

    def __init__(self, client: httpx.AsyncClient, chance: Random) -> None:
        self.ledger = Ledger()
        self._client = client
        self._chance = chance
        self._ends = False
        self._news = asyncio.Event()

    async def more(self, count: int, within: float = PATIENCE) -> None:
        """Wait until this many more decisions are acknowledged."""
        goal = len(self.ledger.shown) + count
        async with asyncio.timeout(within):
            while len(self.ledger.shown) < goal:
                self._news.clear()
                await self._news.wait()

    def end(self) -> None:
        """No more visits; those under way are finished, and all that they tell is told."""
        self._ends = True

    async def come_and_go(self, number: int) -> None:
        """One visitor after the other, each for a few visits."""
        chance = Random(self._chance.random())
        while not self._ends:
            name = f"visitor-{number}-{chance.getrandbits(48):x}"
            visitor = Visitor(self, name, chance, name + "@shop" if chance.random() < 0.3 else None)
            for _ in range(chance.randint(1, 4)):
                await visitor.visit()
                await asyncio.sleep(chance.uniform(0.0, 0.06))
                if self._ends:
                    break

    async def ask(self, body: dict[str, Any]) -> tuple[dict[str, Any] | None, Span]:
        """One decide call; no answer when its connection broke, for then nobody knows whether it was decided."""
        sent = time.monotonic()
        try:
            response = await self._client.post("/v1/decide", json=body)
        except httpx.TransportError:
            self.ledger.unanswered += 1
            await asyncio.sleep(0.02)  # As long as nobody listens, this comes back at once.
            return None, Span(sent, sent, time.monotonic())
        assert response.status_code == 200, f"decide was answered {response.status_code}: {response.text}"
        answer: dict[str, Any] = response.json()
        return answer, Span(sent, sent, time.monotonic())

    def keep(self, shown: Shown) -> None:
        self.ledger.shown.append(shown)
        self._news.set()

    async def tell(self, messages: Sequence[Message]) -> Span:
        """Tell these messages until they are acknowledged."""
        sent = sent_last = time.monotonic()
        while not await self._told(messages):
            self.ledger.repeated += 1
            assert time.monotonic() < sent + PATIENCE, f"not acknowledged within {PATIENCE:.0f} s: {messages}"
            await asyncio.sleep(0.05)
            sent_last = time.monotonic()
        return Span(sent, sent_last, time.monotonic())

    async def _told(self, messages: Sequence[Message]) -> bool:
        body = {"writeKey": "default", "batch": messages, "sentAt": _now()}
        try:
            response = await self._client.post("/v1/batch", json=body)
        except httpx.TransportError:
            return False
        if response.status_code == 503:
            return False
        assert response.status_code == 200, f"batch was answered {response.status_code}: {response.text}"
        assert response.json() == {"success": True, "accepted": len(messages), "rejected": []}, f"{messages}"
        return True


class Visitor:
    """One visitor: an anonymous id, and a user id when it is logged in."""

    def __init__(self, traffic: Traffic, name: str, chance: Random, user: str | None) -> None:
        self._traffic = traffic
        self._name = name
        self._chance = chance
        self._user = user
        self._messages = 0
        self._last_seen: dict[str, Shown] = {}

    async def visit(self) -> None:
        """Look at a page: what is shown is mostly seen, often clicked, and sometimes something is bought."""
        shown = await self._decide()
        seen = [one for one in shown if self._chance.random() < 0.9]
        for one in seen:
            await self._look(one)
            self._last_seen[one.ref.placement] = one
        if seen and self._chance.random() < 0.5:
            await self._buy()

    async def _decide(self) -> list[Shown]:
        device = self._chance.choice(("mobile", "desktop"))
        answer, span = await self._traffic.ask(
            {
                "writeKey": "default",
                "anonymousId": self._name,
                "userId": self._user,
                "placements": self._chance.choice(_PLACEMENTS),
                "context": {"device": {"type": device}, "data": {"basket": self._chance.randint(0, 3)}},
            }
        )
        shown = []
        for one in answer["decisions"] if answer else ():
            assert one["group"] in ("policy", "control", "fallback"), one
            if one["decisionId"] is None:
                self._traffic.ledger.fallbacks += 1
            else:
                shown.append(shown_in(one, self._name, span))
                self._traffic.keep(shown[-1])
        return shown

    async def _look(self, one: Shown) -> None:
        """Tell of a decision: that it was seen, and what followed; together, or one after the other."""
        story = self._story(one)
        together = self._chance.choice((1, len(story)))
        for start in range(0, len(story), together):
            messages = story[start : start + together]
            self._note(one, messages, await self._traffic.tell(messages))

    def _story(self, one: Shown) -> list[Message]:
        """Some or all slots were seen, one may be clicked, some are rewarded; and something may be told twice."""
        slots = range(len(one.actions))
        seen = sorted(self._chance.sample(slots, self._chance.randint(1, len(slots))))
        whole = len(seen) == len(slots) and self._chance.random() < 0.7
        story = [self._linked(one, "$impression", slot) for slot in ([None] if whole else seen)]
        if self._chance.random() < 0.6:
            story.append(self._linked(one, CLICK, self._chance.choice(seen)))
        for value in self._chance.sample((0.125, 0.5, 1.5), self._chance.randint(0, 2)):
            story.append(self._linked(one, "$reward", self._chance.choice(seen), value))
        if self._chance.random() < 0.3:
            story.append(self._chance.choice(story))
        return story

    def _note(self, one: Shown, messages: Sequence[Message], span: Span) -> None:
        ledger = self._traffic.ledger
        for message in messages:
            if message["messageId"] in ledger.linked:
                continue
            ledger.linked[message["messageId"]] = one.ref, span
            name, properties = message["event"], message["properties"]
            if name == "$impression":
                slots = [properties["slot"]] if "slot" in properties else range(len(one.actions))
                one.seen.update(dict.fromkeys(slots, span))
                continue
            one.payments.append(Payment(name, properties.get("value"), properties["slot"], span))
            if name == CLICK:
                one.clicked = properties["slot"]

    async def _buy(self) -> None:
        """An order, told without a decision id: it pays what this visitor saw last in each placement."""
        known: Message = {"userId": self._user} if self._user and self._chance.random() < 0.5 else {}
        message = self._message(ORDER) | (known or {"anonymousId": self._name})
        ledger, span = self._traffic.ledger, await self._traffic.tell([message])
        if self._chance.random() < 0.3:
            await self._traffic.tell([message])
        ledger.unlinked[message["messageId"]] = span
        if not self._user:
            ledger.orders.setdefault(self._name, []).append(span)
        for one in self._last_seen.values():
            one.payments.append(Payment(ORDER, None, one.bought_in, span))

    def _linked(self, one: Shown, name: str, slot: int | None = None, value: float | None = None) -> Message:
        properties: Message = {"decisionId": one.id}
        if slot is not None:
            properties["slot"] = slot
        if value is not None:
            properties["value"] = value
        return self._message(name) | {"properties": properties}

    def _message(self, event: str) -> Message:
        self._messages += 1
        return {"type": "track", "event": event, "messageId": f"{self._name}-{self._messages}", "timestamp": _now()}


@asynccontextmanager
async def visiting(url: str, chance: Random, visitors: int = 4) -> AsyncIterator[Traffic]:
    """Visitors come and go; at the end all that they had to tell is acknowledged."""
    limits = httpx.Limits(max_connections=visitors, max_keepalive_connections=visitors)
    async with httpx.AsyncClient(base_url=url, timeout=30.0, limits=limits) as client, asyncio.TaskGroup() as group:
        traffic = Traffic(client, chance)
        for number in range(visitors):
            group.create_task(traffic.come_and_go(number))
        yield traffic
        traffic.end()


def _now() -> str:
    return datetime.now(UTC).isoformat()
