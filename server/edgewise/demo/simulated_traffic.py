"""Sends simulated visitors through the HTTP API as pages would: `POST /v1/decide`, then `POST /v1/batch`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from edgewise.demo.example import PLACEMENT
from edgewise.demo.simulated_visitors import CLICK, SimulatedVisitor
from edgewise.demo.tally import DemoTally
from edgewise.errors import DemoFailed

CLICK_AFTER = 0.4
ORDER_AFTER = 0.6
"""Seconds from an impression to a click, and from a click to an order. A real visitor takes minutes."""

POST_EVERY = 0.1
"""Seconds between two batches of events."""

MAX_CATCH_UP = 0.1
"""The longest delay in seconds that is made up for by a higher rate."""

MAX_CONCURRENT_CALLS = 32

MAX_FAILURES = 50
"""Consecutive failed calls after which the demo gives up."""

_MAX_BATCH = 500


async def _at_rate(visitors: Iterable[SimulatedVisitor], rate: float) -> AsyncIterator[SimulatedVisitor]:
    """Yield these visitors at this rate. After a delay, make up for at most `MAX_CATCH_UP` seconds."""
    clock = asyncio.get_running_loop()
    due = clock.time()
    for visitor in visitors:
        await asyncio.sleep(due - clock.time())
        yield visitor
        due = max(due, clock.time() - MAX_CATCH_UP) + 1 / rate


def _now() -> str:
    return datetime.now(UTC).isoformat()


class SimulatedTraffic:
    """Sends visitors, and counts what happens in `tally`."""

    def __init__(self, client: httpx.AsyncClient, write_key: str, tally: DemoTally) -> None:
        self._client = client
        self._write_key = write_key
        self._tally = tally
        self._messages: list[dict[str, Any]] = []
        self._posted = asyncio.Condition()
        self._call_slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._failures_in_a_row = 0

    async def send(self, visitors: Iterable[SimulatedVisitor], rate: float) -> None:
        """Send these visitors, at most `rate` a second, and wait until the server has all their events.

        Raises:
            DemoFailed: Too many consecutive calls failed.
        """
        async with asyncio.TaskGroup() as whole:
            posting = whole.create_task(self._post_repeatedly())
            async with asyncio.TaskGroup() as visits:
                async for visitor in _at_rate(visitors, rate):
                    await self._call_slots.acquire()
                    visits.create_task(self._visit(visitor))
            posting.cancel()
        while self._messages:
            await self._post()
            await asyncio.sleep(POST_EVERY)

    async def _visit(self, visitor: SimulatedVisitor) -> None:
        self._tally.count_visitor()
        try:
            decision = await self._decide(visitor)
        finally:
            self._call_slots.release()
        if decision is None:
            return
        decision_id, group, action = decision
        if decision_id is not None:
            self._track(visitor, "$impression", decisionId=decision_id)
            for event in visitor.reaction(action):
                await asyncio.sleep(CLICK_AFTER if event == CLICK else ORDER_AFTER)
                # The shop's checkout has no decision id. The server credits the order to the right decision.
                self._track(visitor, event, **({"decisionId": decision_id} if event == CLICK else {}))
        self._tally.count_reaction(visitor, group, action)

    async def _decide(self, visitor: SimulatedVisitor) -> tuple[str | None, str, str] | None:
        """The decision's id, group and action, or None if the call failed."""
        decision = await self._request_decision(visitor, PLACEMENT)
        if decision is None:
            return None
        self._tally.count_decision(visitor, decision["group"], decision["action"])
        return decision["decisionId"], decision["group"], decision["action"]

    async def _request_decision(
        self, visitor: SimulatedVisitor, placement: str | Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The decision, or None if the call failed."""
        body = {"anonymousId": visitor.id, "placements": [placement], "context": visitor.context}
        answer = await self._call("/v1/decide", body, {"user-agent": visitor.user_agent})
        if answer is None:
            return None
        [decision] = answer["decisions"]
        return dict(decision)

    def _track(self, visitor: SimulatedVisitor, event: str, **properties: Any) -> None:
        self._send_message(visitor, type="track", event=event, properties=properties)

    def _send_message(self, visitor: SimulatedVisitor, **fields: Any) -> dict[str, Any]:
        """Add a message to the next batch."""
        message = {"messageId": uuid4().hex, "anonymousId": visitor.id, "timestamp": _now()} | fields
        self._messages.append(message)
        return message

    async def _until_accepted(self, message: dict[str, Any]) -> None:
        """Wait until the server has accepted this message."""
        async with self._posted:
            await self._posted.wait_for(lambda: message not in self._messages)

    async def _post_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(POST_EVERY)
            await self._post()

    async def _post(self) -> None:
        """Send the collected messages. Those of a failed call stay, since sending a message twice is harmless."""
        while self._messages:
            batch = self._messages[:_MAX_BATCH]
            answer = await self._call("/v1/batch", {"batch": batch, "sentAt": _now()}, {})
            if answer is None:
                return
            self._tally.rejected += len(answer["rejected"])
            del self._messages[: len(batch)]
            async with self._posted:
                self._posted.notify_all()

    async def _call(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any] | None:
        """The body of the response, or None if the call failed.

        Raises:
            DemoFailed: Too many consecutive calls failed.
        """
        try:
            response = await self._client.post(path, json={"writeKey": self._write_key} | body, headers=headers)
            answer: dict[str, Any] = response.raise_for_status().json()
        except httpx.HTTPError as error:
            self._tally.failures += 1
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= MAX_FAILURES:
                raise DemoFailed(f"Lost {MAX_FAILURES} consecutive calls. The last error: {error!r}") from error
            return None
        self._failures_in_a_row = 0
        return answer


class BrowsingTraffic(SimulatedTraffic):
    """Sends visitors, half of which visit another page first.

    The address of their second page has no campaign any more. The server has it in their profile, and must learn from
    there.
    """

    async def _visit(self, visitor: SimulatedVisitor) -> None:
        await super()._visit(await self._maybe_navigate(visitor))

    async def _maybe_navigate(self, visitor: SimulatedVisitor) -> SimulatedVisitor:
        """The visitor on the landing page, or on their second page."""
        if int(visitor.id, 16) % 2:
            return visitor
        return await self._navigate(visitor, "/", "home")

    async def _navigate(self, visitor: SimulatedVisitor, path: str, type: str) -> SimulatedVisitor:
        """The visitor on their next page, after the server has accepted the page view before it."""
        await self._until_accepted(self._send_message(visitor, type="page", context=visitor.context))
        page = {"url": f"https://shop.example{path}", "type": type}
        return visitor._replace(context={**visitor.context, "page": page})
