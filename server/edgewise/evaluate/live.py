"""Traffic against a running server, over HTTP, as fast as one client can drive it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import httpx
import msgspec

from edgewise.errors import ReplayError
from edgewise.evaluate.log_rows import Row, Traffic
from edgewise.evaluate.progress import Advance
from edgewise.evaluate.replay_report import Replayed

CONNECTIONS = 16
"""Decisions under way at once. Rows are asked for in order, and may overtake each other while they are under way."""

BATCH = 50
"""Messages that are sent together."""

PATIENCE = 30.0
"""Seconds that an answer may take."""


async def replay_over_http(traffic: Traffic, url: str, write_key: str, advance: Advance) -> Replayed:
    """Let the server at `url` decide each row, and tell it what followed where the log shows the same action.

    Decisions of the control group and fallbacks are left out: the policy did not make them. When this returns, the
    windows of the last rows are open.

    Raises:
        ReplayError: the server cannot be reached, refuses a request, or decides by another policy.
    """
    run = _Run(traffic, url, advance)
    async with AsyncExitStack() as stack:
        tls = httpx.create_ssl_context()
        # A client each: several connections of one client do not take turns, and some rows would wait for long.
        servers = [_Server(url, write_key, tls) for _ in range(CONNECTIONS)]
        for server in servers:
            await stack.enter_async_context(server.client)
        started = time.perf_counter()
        await run.over(servers)
        return Replayed(run.choices, time.perf_counter() - started, run.left_out)


class _Server:
    """The server, over a connection of its own."""

    def __init__(self, url: str, write_key: str, tls: Any) -> None:
        self._url = url
        self._write_key = write_key
        # No User-Agent: that of a browser tells the visitor's device, and this one would tell a lie.
        try:
            self.client = httpx.AsyncClient(base_url=url, timeout=PATIENCE, verify=tls)
        except httpx.InvalidURL as error:
            raise ReplayError(f"{url}: expected the URL of a server, such as http://127.0.0.1:8080: {error}") from error
        del self.client.headers["user-agent"]

    async def decide(self, placement: str, row: Row) -> dict[str, Any]:
        # A row is nobody's in particular, and what it says must be seen even where silence is no consent.
        body = {"placements": [placement], "context": {"data": row.context}, "consent": "granted"}
        answer = await self._post("/v1/decide", body)
        decision: dict[str, Any] = answer["decisions"][0]
        return decision

    async def tell(self, batch: list[dict[str, Any]]) -> None:
        answer = await self._post("/v1/batch", {"batch": batch, "consent": "granted"})
        if answer["rejected"]:
            raise ReplayError(f"{self._url}: refused a message: {answer['rejected'][0]['message']}")

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        content = msgspec.json.encode({"writeKey": self._write_key, "consent": "granted", **body})
        try:
            response = await self.client.post(path, content=content, headers={"content-type": "application/json"})
        except httpx.HTTPError as error:
            raise ReplayError(f"{self._url}: cannot be reached: {error or type(error).__name__}") from error
        if response.status_code == 200:
            return msgspec.json.decode(response.content)
        found = f"found status {response.status_code}, expected 200"
        raise ReplayError(f"{self._url}: POST {path}: {found}; it said: {response.text[:500]}")


class _Run:
    """One replay. Message ids are its own, so that no other replay's are taken for repeats."""

    def __init__(self, traffic: Traffic, url: str, advance: Advance) -> None:
        self.choices: list[int | None] = [None] * len(traffic.rows)
        self.left_out: Counter[str] = Counter()
        self._traffic = traffic
        self._url = url
        self._advance = advance
        self._id = uuid4().hex
        self._index = {action.id: index for index, action in enumerate(traffic.policy.actions)}
        self._outbox: list[dict[str, Any]] = []

    async def over(self, servers: list[_Server]) -> None:
        """Each connection takes the next row as soon as it is done with one."""
        rows = iter(enumerate(self._traffic.rows))
        try:
            async with asyncio.TaskGroup() as group:
                for server in servers:
                    group.create_task(self._serve(server, rows))
        except BaseExceptionGroup as several:
            # Not `except*`: what is raised there comes out in a group again, on some releases of Python 3.11.
            if errors := several.subgroup(ReplayError):
                raise _first(errors) from None
            raise
        await self._tell(servers[0])

    async def _serve(self, server: _Server, rows: Iterator[tuple[int, Row]]) -> None:
        for place, row in rows:
            decision = await server.decide(self._traffic.policy.placement, row)
            choice = self.choices[place] = self._choice(decision)
            if choice == row.action:
                self._write(decision["decisionId"], place, row.reward)
            if len(self._outbox) >= BATCH:
                await self._tell(server)
            self._advance()

    def _choice(self, decision: dict[str, Any]) -> int | None:
        """What the policy chose; None where it was not the policy that chose."""
        group, action = decision["group"], decision.get("action")
        placement = self._traffic.policy.placement
        if decision["policyVersion"] is None:
            raise ReplayError(f"{self._url}: found no placement {placement!r} there, expected one")
        if "slots" in decision:
            raise ReplayError(f"{self._url}: found a row of slots at {placement!r}, expected one action")
        if group not in ("policy", "pinned"):
            self.left_out[group] += 1
            return None
        if action not in self._index:
            known = ", ".join(self._index)
            raise ReplayError(f"{self._url}: found action {action!r} chosen, expected one of: {known}")
        return self._index[action]

    def _write(self, decision: str, place: int, reward: float) -> None:
        for event, more in (("$impression", {}), ("$reward", {"value": reward})):
            message = {"type": "track", "event": event, "messageId": f"{self._id}-{place}-{event}"}
            self._outbox.append({**message, "properties": {"decisionId": decision, **more}})

    async def _tell(self, server: _Server) -> None:
        batch, self._outbox = self._outbox, []
        if batch:
            await server.tell(batch)


def _first(errors: BaseExceptionGroup[ReplayError]) -> ReplayError:
    error = errors.exceptions[0]
    return error if isinstance(error, ReplayError) else _first(error)
