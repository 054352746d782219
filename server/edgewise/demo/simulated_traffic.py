"""Traffic: sends visitors through the HTTP API, as pages would: `POST /v1/decide`, then `POST /v1/batch`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from edgewise.demo.example import PLACEMENT
from edgewise.demo.simulated_visitors import CLICK, Visitor
from edgewise.demo.tally import Tally
from edgewise.errors import DemoFailed

CLICK_AFTER = 0.4
ORDER_AFTER = 0.6
"""Seconds from what was shown to a click, and from there to an order. A real visitor takes minutes."""

POST_EVERY = 0.1
"""Seconds that what visitors do is collected for, before it is sent together."""

HURRY = 0.1
"""Seconds behind that are caught up with by sending faster for a moment."""

MAX_CALLS = 32
"""Decide calls under way at the same time."""

MAX_FAILURES = 50
"""Calls that may fail one after the other, before the demo gives up."""

_MOST_MESSAGES = 500


class Traffic:
    """Sends visitors, and counts what happens in `tally`."""

    def __init__(self, client: httpx.AsyncClient, write_key: str, tally: Tally) -> None:
        self._client = client
        self._write_key = write_key
        self._tally = tally
        self._messages: list[dict[str, Any]] = []
        self._posted = asyncio.Condition()
        self._room = asyncio.Semaphore(MAX_CALLS)
        self._failures_in_a_row = 0

    async def send(self, visitors: Iterable[Visitor], rate: float) -> None:
        """Send these visitors, at most `rate` a second; returns when all they did is told.

        Raises:
            DemoFailed: too many calls failed, one after the other.
        """
        async with asyncio.TaskGroup() as whole:
            posting = whole.create_task(self._post_for_ever())
            async with asyncio.TaskGroup() as visits:
                async for visitor in _paced(visitors, rate):
                    await self._room.acquire()
                    visits.create_task(self._visit(visitor))
            posting.cancel()
        while self._messages:
            await self._post()
            await asyncio.sleep(POST_EVERY)

    async def _visit(self, visitor: Visitor) -> None:
        self._tally.arrived()
        try:
            decision = await self._decide(visitor)
        finally:
            self._room.release()
        if decision is None:
            return
        decision_id, group, action = decision
        if decision_id is not None:
            self._tell(visitor, "$impression", decisionId=decision_id)
            for event in visitor.reaction(action):
                await asyncio.sleep(CLICK_AFTER if event == CLICK else ORDER_AFTER)
                # The shop's check-out knows nothing of decisions: the server finds the one that an order pays.
                self._tell(visitor, event, **({"decisionId": decision_id} if event == CLICK else {}))
        self._tally.reacted(visitor, group, action)

    async def _decide(self, visitor: Visitor) -> tuple[str | None, str, str] | None:
        """The decision's id, group and action; None when the call failed."""
        decision = await self._ask(visitor, PLACEMENT)
        if decision is None:
            return None
        self._tally.decided(visitor, decision["group"], decision["action"])
        return decision["decisionId"], decision["group"], decision["action"]

    async def _ask(self, visitor: Visitor, placement: str | Mapping[str, Any]) -> dict[str, Any] | None:
        """The decision; None when the call failed."""
        body = {"anonymousId": visitor.id, "placements": [placement], "context": visitor.context}
        answer = await self._call("/v1/decide", body, {"user-agent": visitor.user_agent})
        if answer is None:
            return None
        [decision] = answer["decisions"]
        return dict(decision)

    def _tell(self, visitor: Visitor, event: str, **properties: Any) -> None:
        self._tell_of(visitor, type="track", event=event, properties=properties)

    def _tell_of(self, visitor: Visitor, **said: Any) -> dict[str, Any]:
        """Have a message sent."""
        message = {"messageId": uuid4().hex, "anonymousId": visitor.id, "timestamp": _now()} | said
        self._messages.append(message)
        return message

    async def _until_taken(self, message: dict[str, Any]) -> None:
        """Wait until the server has this message."""
        async with self._posted:
            await self._posted.wait_for(lambda: message not in self._messages)

    async def _post_for_ever(self) -> None:
        while True:
            await asyncio.sleep(POST_EVERY)
            await self._post()

    async def _post(self) -> None:
        """Send what was collected. Sending it again is harmless, so what fails is sent with what comes next."""
        while self._messages:
            batch = self._messages[:_MOST_MESSAGES]
            answer = await self._call("/v1/batch", {"batch": batch, "sentAt": _now()}, {})
            if answer is None:
                return
            self._tally.refused += len(answer["rejected"])
            del self._messages[: len(batch)]
            async with self._posted:
                self._posted.notify_all()

    async def _call(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any] | None:
        """The answer's body; None when the call failed.

        Raises:
            DemoFailed: too many have failed, one after the other.
        """
        try:
            response = await self._client.post(path, json={"writeKey": self._write_key} | body, headers=headers)
            answer: dict[str, Any] = response.raise_for_status().json()
        except httpx.HTTPError as error:
            self._tally.failures += 1
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= MAX_FAILURES:
                raise DemoFailed(f"{MAX_FAILURES} calls failed, one after the other; the last: {error!r}") from error
            return None
        self._failures_in_a_row = 0
        return answer


async def _paced(visitors: Iterable[Visitor], rate: float) -> AsyncIterator[Visitor]:
    """These visitors at this rate; more than a moment that was lost is not made up for."""
    clock = asyncio.get_running_loop()
    due = clock.time()
    for visitor in visitors:
        await asyncio.sleep(due - clock.time())
        yield visitor
        due = max(due, clock.time() - HURRY) + 1 / rate


def _now() -> str:
    return datetime.now(UTC).isoformat()
