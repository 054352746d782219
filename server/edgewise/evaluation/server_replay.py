"""A replay against a running server, over HTTP, as fast as one client can send it."""

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
from edgewise.evaluation.logged_traffic import LoggedRow, LoggedTraffic
from edgewise.evaluation.progress import Advance
from edgewise.evaluation.replay_report import ReplayResult

CONNECTIONS = 16
"""The number of concurrent requests. Rows are sent in order, but may overtake each other on the way."""

BATCH = 50
"""The number of messages in one batch request."""

TIMEOUT = 30.0
"""Seconds to wait for a response."""


async def replay_over_http(traffic: LoggedTraffic, url: str, write_key: str, advance: Advance) -> ReplayResult:
    """Let a server decide each row. Send the row's reward if the log shows the same action.

    Rows that the policy did not decide are left out, such as those of the control group and fallbacks. When this
    returns, the reward windows of the last rows are still open.

    Raises:
        ReplayError: the server is unreachable, refuses a request, or has another policy.
    """
    replay = _ServerReplay(traffic, url, advance)
    async with AsyncExitStack() as stack:
        tls = httpx.create_ssl_context()
        # Each connection has its own client. Connections of one client do not take turns, and some rows would wait.
        servers = [_Server(url, write_key, tls) for _ in range(CONNECTIONS)]
        for server in servers:
            await stack.enter_async_context(server.client)
        started = time.perf_counter()
        await replay.run(servers)
        return ReplayResult(replay.choices, time.perf_counter() - started, replay.left_out)


class _Server:
    """The server, over one connection."""

    def __init__(self, url: str, write_key: str, tls: Any) -> None:
        self._url = url
        self._write_key = write_key
        try:
            self.client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT, verify=tls)
        except httpx.InvalidURL as error:
            raise ReplayError(f"{url}: Invalid URL: {error}. Use one such as http://127.0.0.1:8080.") from error
        # The server derives the visitor's device from the User-Agent, and a logged row has none.
        del self.client.headers["user-agent"]

    async def decide(self, placement: str, row: LoggedRow) -> dict[str, Any]:
        # A row belongs to no visitor. With consent, a site that requires consent uses its context too.
        body = {"placements": [placement], "context": {"data": row.context}, "consent": "granted"}
        response = await self._post("/v1/decide", body)
        decision: dict[str, Any] = response["decisions"][0]
        return decision

    async def send_messages(self, batch: list[dict[str, Any]]) -> None:
        response = await self._post("/v1/batch", {"batch": batch, "consent": "granted"})
        if response["rejected"]:
            raise ReplayError(f"{self._url}: Message rejected: {response['rejected'][0]['message']}")

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        content = msgspec.json.encode({"writeKey": self._write_key, "consent": "granted", **body})
        try:
            response = await self.client.post(path, content=content, headers={"content-type": "application/json"})
        except httpx.HTTPError as error:
            message = f"Cannot reach the server. Check the URL and that it runs: {error or type(error).__name__}."
            raise ReplayError(f"{self._url}: {message}") from error
        if response.status_code == 200:
            return msgspec.json.decode(response.content)
        message = f"POST {path}: Expected status 200, found {response.status_code}. Response: {response.text[:500]}"
        raise ReplayError(f"{self._url}: {message}")


class _ServerReplay:
    """One replay. Its message ids have a random prefix, so that no other replay has the same ones."""

    def __init__(self, traffic: LoggedTraffic, url: str, advance: Advance) -> None:
        self.choices: list[int | None] = [None] * len(traffic.rows)
        self.left_out: Counter[str] = Counter()
        self._traffic = traffic
        self._url = url
        self._advance = advance
        self._id = uuid4().hex
        self._index = {action.id: index for index, action in enumerate(traffic.policy.actions)}
        self._outbox: list[dict[str, Any]] = []

    async def run(self, servers: list[_Server]) -> None:
        """Replay all rows. Each connection takes the next row when it is free."""
        rows = iter(enumerate(self._traffic.rows))
        try:
            async with asyncio.TaskGroup() as group:
                for server in servers:
                    group.create_task(self._replay_rows(server, rows))
        except BaseExceptionGroup as several:
            # Not `except*`, because some releases of Python 3.11 put an error raised there into a group again.
            if errors := several.subgroup(ReplayError):
                raise _first(errors) from None
            raise
        await self._flush(servers[0])

    async def _replay_rows(self, server: _Server, rows: Iterator[tuple[int, LoggedRow]]) -> None:
        for place, row in rows:
            decision = await server.decide(self._traffic.policy.placement, row)
            choice = self.choices[place] = self._read_choice(decision)
            if choice == row.action:
                self._queue_messages(decision["decisionId"], place, row.reward)
            if len(self._outbox) >= BATCH:
                await self._flush(server)
            self._advance()

    def _read_choice(self, decision: dict[str, Any]) -> int | None:
        """The position of the chosen action. None if the policy did not decide."""
        group, action = decision["group"], decision.get("action")
        placement = self._traffic.policy.placement
        if decision["policyVersion"] is None:
            raise ReplayError(f"{self._url}: Unknown placement {placement!r}. Publish its policy on this server.")
        if "slots" in decision:
            raise ReplayError(f"{self._url}: Expected one slot in {placement!r}, found several. Use another placement.")
        if group not in ("policy", "pinned"):
            self.left_out[group] += 1
            return None
        if action not in self._index:
            known = ", ".join(self._index)
            raise ReplayError(f"{self._url}: Unknown action {action!r}. The policy of the replay has {known}.")
        return self._index[action]

    def _queue_messages(self, decision_id: str, place: int, reward: float) -> None:
        for event, more in (("$impression", {}), ("$reward", {"value": reward})):
            message = {"type": "track", "event": event, "messageId": f"{self._id}-{place}-{event}"}
            self._outbox.append({**message, "properties": {"decisionId": decision_id, **more}})

    async def _flush(self, server: _Server) -> None:
        batch, self._outbox = self._outbox, []
        if batch:
            await server.send_messages(batch)


def _first(errors: BaseExceptionGroup[ReplayError]) -> ReplayError:
    error = errors.exceptions[0]
    return error if isinstance(error, ReplayError) else _first(error)
