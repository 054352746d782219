"""Visitors over real HTTP. They request decisions, send events, and retry until each event is acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeAlias

import httpx

from tests.integration.chaos_shop import CLICK, ORDER
from tests.integration.ledger import Ledger, RewardEvent, SendTimes, ShownDecision, parse_decision

TIMEOUT = 60.0
"""Seconds within which each event must be acknowledged, despite all faults."""

_PLACEMENTS = (["hero"], ["row"], ["hero", "row"], ["hero", {"id": "row", "slots": 2}])

Message: TypeAlias = dict[str, Any]


class ChaosTraffic:
    """Visits by a few visitors at a time."""

    def __init__(self, client: httpx.AsyncClient, chance: Random) -> None:
        self.ledger = Ledger()
        self._client = client
        self._chance = chance
        self._is_ending = False
        self._new_decision = asyncio.Event()

    async def wait_for_decisions(self, count: int, within: float = TIMEOUT) -> None:
        """Wait for this many more acknowledged decisions."""
        goal = len(self.ledger.decisions) + count
        async with asyncio.timeout(within):
            while len(self.ledger.decisions) < goal:
                self._new_decision.clear()
                await self._new_decision.wait()

    def end(self) -> None:
        """Start no more visits. Pending visits finish, and all their events are sent."""
        self._is_ending = True

    async def run_visitors(self, number: int) -> None:
        """Run one visitor after the other, each with a few visits."""
        chance = Random(self._chance.random())
        while not self._is_ending:
            name = f"visitor-{number}-{chance.getrandbits(48):x}"
            visitor = ChaosVisitor(self, name, chance, name + "@shop" if chance.random() < 0.3 else None)
            for _ in range(chance.randint(1, 4)):
                await visitor.visit()
                await asyncio.sleep(chance.uniform(0.0, 0.06))
                if self._is_ending:
                    break

    async def decide(self, body: dict[str, Any]) -> tuple[dict[str, Any] | None, SendTimes]:
        """Make one decide call. Without a response, it is unknown whether the service decided."""
        sent = time.monotonic()
        try:
            response = await self._client.post("/v1/decide", json=body)
        except httpx.TransportError:
            self.ledger.unanswered += 1
            await asyncio.sleep(0.02)  # Without a listener, the call fails at once.
            return None, SendTimes(sent, sent, time.monotonic())
        assert response.status_code == 200, (
            f"Expected status 200 from decide, found {response.status_code}: {response.text}"
        )
        answer: dict[str, Any] = response.json()
        return answer, SendTimes(sent, sent, time.monotonic())

    def record(self, shown: ShownDecision) -> None:
        self.ledger.decisions.append(shown)
        self._new_decision.set()

    async def send_events(self, messages: Sequence[Message]) -> SendTimes:
        """Send these messages until they are acknowledged."""
        sent = sent_last = time.monotonic()
        while not await self._is_acknowledged(messages):
            self.ledger.repeated += 1
            assert time.monotonic() < sent + TIMEOUT, f"Not acknowledged within {TIMEOUT:.0f} s: {messages}"
            await asyncio.sleep(0.05)
            sent_last = time.monotonic()
        return SendTimes(sent, sent_last, time.monotonic())

    async def _is_acknowledged(self, messages: Sequence[Message]) -> bool:
        body = {"writeKey": "default", "batch": messages, "sentAt": _now()}
        try:
            response = await self._client.post("/v1/batch", json=body)
        except httpx.TransportError:
            return False
        if response.status_code == 503:
            return False
        assert response.status_code == 200, (
            f"Expected status 200 from batch, found {response.status_code}: {response.text}"
        )
        assert response.json() == {"success": True, "accepted": len(messages), "rejected": []}, f"{messages}"
        return True


class ChaosVisitor:
    """A visitor with an anonymous id, and with a user id if it is logged in."""

    def __init__(self, traffic: ChaosTraffic, name: str, chance: Random, user: str | None) -> None:
        self._traffic = traffic
        self._name = name
        self._chance = chance
        self._user = user
        self._messages = 0
        self._last_seen: dict[str, ShownDecision] = {}

    async def visit(self) -> None:
        """View a page. Most decisions are seen, many get a click, and some visits end with an order."""
        shown = await self._decide()
        seen = [one for one in shown if self._chance.random() < 0.9]
        for one in seen:
            await self._send_outcomes(one)
            self._last_seen[one.ref.placement] = one
        if seen and self._chance.random() < 0.5:
            await self._order()

    async def _decide(self) -> list[ShownDecision]:
        device = self._chance.choice(("mobile", "desktop"))
        answer, span = await self._traffic.decide(
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
                shown.append(parse_decision(one, self._name, span))
                self._traffic.record(shown[-1])
        return shown

    async def _send_outcomes(self, one: ShownDecision) -> None:
        """Send the events of a decision, together or one after the other."""
        outcomes = self._outcomes(one)
        together = self._chance.choice((1, len(outcomes)))
        for start in range(0, len(outcomes), together):
            messages = outcomes[start : start + together]
            self._record_events(one, messages, await self._traffic.send_events(messages))

    def _outcomes(self, one: ShownDecision) -> list[Message]:
        """Impressions of some or all slots, maybe a click and rewards, and maybe a duplicate."""
        slots = range(len(one.actions))
        seen = sorted(self._chance.sample(slots, self._chance.randint(1, len(slots))))
        whole = len(seen) == len(slots) and self._chance.random() < 0.7
        outcomes = [self._linked(one, "$impression", slot) for slot in ([None] if whole else seen)]
        if self._chance.random() < 0.6:
            outcomes.append(self._linked(one, CLICK, self._chance.choice(seen)))
        for value in self._chance.sample((0.125, 0.5, 1.5), self._chance.randint(0, 2)):
            outcomes.append(self._linked(one, "$reward", self._chance.choice(seen), value))
        if self._chance.random() < 0.3:
            outcomes.append(self._chance.choice(outcomes))
        return outcomes

    def _record_events(self, one: ShownDecision, messages: Sequence[Message], span: SendTimes) -> None:
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
            one.rewards.append(RewardEvent(name, properties.get("value"), properties["slot"], span))
            if name == CLICK:
                one.clicked = properties["slot"]

    async def _order(self) -> None:
        """Send an order without a decision id. It rewards the last seen decision of each placement."""
        identity: Message = {"userId": self._user} if self._user and self._chance.random() < 0.5 else {}
        message = self._message(ORDER) | (identity or {"anonymousId": self._name})
        ledger, span = self._traffic.ledger, await self._traffic.send_events([message])
        if self._chance.random() < 0.3:
            await self._traffic.send_events([message])
        ledger.unlinked[message["messageId"]] = span
        if not self._user:
            ledger.orders.setdefault(self._name, []).append(span)
        for one in self._last_seen.values():
            one.rewards.append(RewardEvent(ORDER, None, one.order_slot, span))

    def _linked(self, one: ShownDecision, name: str, slot: int | None = None, value: float | None = None) -> Message:
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
async def run_traffic(url: str, chance: Random, visitors: int = 4) -> AsyncIterator[ChaosTraffic]:
    """Run visitors during the block. At the end, all their events are acknowledged."""
    limits = httpx.Limits(max_connections=visitors, max_keepalive_connections=visitors)
    async with httpx.AsyncClient(base_url=url, timeout=30.0, limits=limits) as client, asyncio.TaskGroup() as group:
        traffic = ChaosTraffic(client, chance)
        for number in range(visitors):
            group.create_task(traffic.run_visitors(number))
        yield traffic
        traffic.end()


def _now() -> str:
    return datetime.now(UTC).isoformat()
