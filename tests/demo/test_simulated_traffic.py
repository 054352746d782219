from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from edgewise.demo import simulated_traffic as traffic
from edgewise.demo.simulated_traffic import MAX_CATCH_UP, MAX_FAILURES, SimulatedTraffic
from edgewise.demo.simulated_visitors import CLICK, ORDER, ORDER_RATE, SEGMENTS, SimulatedVisitor, generate_visitors
from edgewise.demo.tally import DemoTally
from edgewise.errors import DemoFailed

WORTH = {(): 0.0, (CLICK,): 0.2, (CLICK, ORDER): 1.0}
ACCEPTED = {"success": True, "accepted": 1, "rejected": []}


class Api:
    """A stand-in for the server. The decision id has the visitor's id. Calls for which `refuses` is true fail."""

    def __init__(self, group: str = "policy", refuses: Callable[[str, int], bool] = lambda path, call: False) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[dict[str, Any]] = []
        self._group = group
        self._refuses = refuses

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content)
        assert body["writeKey"] == "default"
        self.calls.append((path, body))
        if self._refuses(path, sum(called == path for called, _ in self.calls)):
            return httpx.Response(503)
        if path == "/v1/batch":
            self.messages += body["batch"]
            return httpx.Response(200, json=ACCEPTED)
        assert path == "/v1/decide"
        decision_id = None if self._group == "fallback" else f"of {body['anonymousId']}"
        decision = {"decisionId": decision_id, "group": self._group, "action": "plain"}
        return httpx.Response(200, json={"decisions": [decision]})

    def attempts(self) -> list[list[str]]:
        """The message ids of each attempt to send a batch."""
        return [[message["messageId"] for message in body["batch"]] for path, body in self.calls if path == "/v1/batch"]


@pytest.fixture(autouse=True)
def _fast_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "CLICK_AFTER", 0.01)
    monkeypatch.setattr(traffic, "ORDER_AFTER", 0.01)


async def sent(api: Api, visitors: list[SimulatedVisitor], rate: float = 500) -> DemoTally:
    tally = DemoTally(SEGMENTS, len(visitors), WORTH)
    async with httpx.AsyncClient(transport=httpx.MockTransport(api), base_url="http://server") as client:
        await SimulatedTraffic(client, "default", tally).send(visitors, rate)
    return tally


BUYER = SimulatedVisitor("buyer", SEGMENTS[0], {"device": {"type": "mobile"}}, "Firefox", 0.0, ORDER_RATE / 2)


async def test_a_visitor_requests_a_decision_and_then_sends_events() -> None:
    api = Api()
    tally = await sent(api, [BUYER])
    path, asked = api.calls[0]
    assert (path, asked["anonymousId"], asked["placements"]) == ("/v1/decide", "buyer", ["home-hero"])
    assert asked["context"] == BUYER.context
    events = [(message["event"], message["anonymousId"], message["properties"]) for message in api.messages]
    linked = {"decisionId": "of buyer"}
    assert events == [("$impression", "buyer", linked), (CLICK, "buyer", linked), (ORDER, "buyer", {})]
    assert sorted(message["timestamp"] for message in api.messages) == [m["timestamp"] for m in api.messages]
    assert (tally.policy.visitors, tally.policy.total) == (1, 1.0)


async def test_a_fallback_gets_no_events_and_no_reward() -> None:
    api = Api(group="fallback")
    tally = await sent(api, [BUYER])
    assert api.messages == []
    assert (tally.fallbacks, tally.compared) == (1, 0)


async def test_a_failed_batch_is_retried_with_the_same_message_ids() -> None:
    api = Api(refuses=lambda path, call: path == "/v1/batch" and call == 1)
    tally = await sent(api, list(generate_visitors(100, 1)))
    first, second, *_ = api.attempts()
    assert second[: len(first)] == first
    ids = [message["messageId"] for message in api.messages]
    assert len(ids) == len(set(ids)) >= 100
    assert tally.failures == 1


async def test_send_waits_until_the_last_batch_is_accepted() -> None:
    api = Api(refuses=lambda path, call: path == "/v1/batch" and call <= 4)
    await sent(api, [BUYER])
    assert [message["event"] for message in api.messages] == ["$impression", CLICK, ORDER]


async def test_a_failed_decide_call_affects_only_its_visitor() -> None:
    api = Api(refuses=lambda path, call: path == "/v1/decide" and call == 3)
    tally = await sent(api, list(generate_visitors(10, 1)))
    assert (tally.arrived, tally.decisions, tally.failures, tally.compared) == (10, 9, 1, 9)


async def test_rejected_messages_are_counted() -> None:
    rejected = {"success": True, "accepted": 0, "rejected": [{"index": 0, "code": "unknown_decision", "message": ""}]}
    api = Api()

    def reject(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=rejected) if request.url.path == "/v1/batch" else api(request)

    tally = DemoTally(SEGMENTS, 1, WORTH)
    async with httpx.AsyncClient(transport=httpx.MockTransport(reject), base_url="http://server") as client:
        await SimulatedTraffic(client, "default", tally).send([BUYER], 100)
    assert tally.rejected >= 1


async def test_too_many_consecutive_failures_are_an_error() -> None:
    api = Api(refuses=lambda path, call: True)
    with pytest.raises(ExceptionGroup) as failed:
        await sent(api, list(generate_visitors(10 * MAX_FAILURES, 1)))
    leaf: BaseException = failed.value
    while isinstance(leaf, ExceptionGroup):
        leaf = leaf.exceptions[0]
    assert isinstance(leaf, DemoFailed)
    assert f"Lost {MAX_FAILURES} consecutive calls. The last error: HTTPStatusError" in str(leaf)
    assert len(api.calls) < 2 * MAX_FAILURES


async def test_visitors_arrive_at_most_at_the_given_rate() -> None:
    clock = asyncio.get_running_loop()
    began = clock.time()
    await sent(Api(), list(generate_visitors(100, 1)), rate=250)
    assert clock.time() - began >= 99 / 250 - MAX_CATCH_UP
