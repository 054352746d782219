"""A thank-you page that is loaded again reports its order again. The order counts once, everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from edgewise.entries import Event, Outcome
from tests.http.messages import decision_id, logged, profile, send_batch, track
from tests.servers import BEARER, Server, user
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = "Order Completed"


async def new_entries(valkey: Valkey, before: list[Event | Outcome]) -> list[Event | Outcome]:
    return (await logged(valkey.url))[len(before) :]


@pytest.mark.parametrize(
    "spellings",
    [
        [{"order_id": "A-1"}] * 3,
        [{"orderId": "A-1"}] * 3,
        [{"order_id": 17}, {"orderId": 17}, {"order_id": "17"}, {"order_id": " 17 "}],
        [{"order_id": "A-1", "total": total} for total in (10, 20, 30)],
    ],
)
@pytest.mark.parametrize("packed", [True, False])
async def test_reloaded_page_counts_its_order_once(
    server: Server, valkey: Valkey, spellings: list[dict[str, Any]], packed: bool, request: pytest.FixtureRequest
) -> None:
    visitor, before = request.node.name, await logged(valkey.url)
    messages = [
        track(ORDER, anonymousId=visitor, messageId=f"{visitor} {number}", properties={"total": 10, **properties})
        for number, properties in enumerate(spellings)
    ]
    for batch in [messages] if packed else [[message] for message in messages]:
        assert (await send_batch(server, *batch))["accepted"] == len(batch)
    found = await profile(valkey.url, visitor)
    assert (found.orders, found.revenue, found.events) == (1, 10.0, {ORDER: 1})
    assert [entry.name for entry in await new_entries(valkey, before)] == [ORDER]


async def test_order_counts_once_before_and_after_login_and_from_the_shops_server(
    server: Server, valkey: Valkey
) -> None:
    before, order = await logged(valkey.url), {"properties": {"order_id": "B-1", "total": 10}}
    await send_batch(server, track(ORDER, anonymousId="b", **order))
    await send_batch(server, track(ORDER, anonymousId="b", **user("ben"), **order))
    await server.post("/v1/track", {"event": ORDER, "userId": "ben", **order}, **BEARER)
    records = (await server.get("/v1/profiles/ben?form=stored", **BEARER)).json()["held"]
    (held,) = [one["profile"] for one in records if one["profile"]]
    assert held["purchases"]["count"] == 1
    assert len(await new_entries(valkey, before)) == 1


async def test_same_order_id_of_another_visitor_counts(server: Server, valkey: Valkey) -> None:
    """Else a stranger who guesses order ids could take the rewards of others."""
    before = await logged(valkey.url)
    for visitor in ("stranger", "customer"):
        await send_batch(server, track(ORDER, anonymousId=visitor, properties={"order_id": "C-1"}))
    assert (await profile(valkey.url, "customer")).orders == 1
    assert len(await new_entries(valkey, before)) == 2


async def test_message_that_is_sent_again_is_logged_once(server: Server, valkey: Valkey) -> None:
    before = await logged(valkey.url)
    message = track(ORDER, anonymousId="d", messageId="d1", properties={"order_id": "D-1"})
    for _ in range(3):
        await send_batch(server, message, message)
    assert len(await new_entries(valkey, before)) == 1


async def test_outcome_of_a_second_decision_does_not_count_for_the_same_order(server: Server, valkey: Valkey) -> None:
    ids = [await decision_id(server, anonymousId="e") for _ in range(2)]
    before = await logged(valkey.url)
    for id in ids:
        await send_batch(server, track(ORDER, anonymousId="e", properties={"order_id": "E-1", "decisionId": id}))
    (outcome,) = await new_entries(valkey, before)
    assert isinstance(outcome, Outcome)


@pytest.mark.parametrize("consent", ["granted", "denied"])
async def test_reward_for_an_order_has_one_digest(server: Server, valkey: Valkey, consent: str) -> None:
    """A slot counts each digest once."""
    id = await decision_id(server, anonymousId="f", consent=consent)
    before = await logged(valkey.url)
    for number in range(3):
        properties = {"decisionId": id, "value": 1, "order_id": f"F-{number // 2}"}
        await send_batch(server, track("$reward", messageId=f"f{number}", properties=properties), consent=consent)
    digests = [entry.message for entry in await new_entries(valkey, before)]
    assert (len(digests), digests[0] == digests[1], digests[1] == digests[2]) == (3, True, False)


async def test_refunds_of_one_order_all_count(server: Server, valkey: Valkey) -> None:
    for event in (ORDER, "Order Refunded", "Order Refunded"):
        await send_batch(server, track(event, anonymousId="g", properties={"order_id": "G-1", "total": 4}))
    assert (await profile(valkey.url, "g")).purchases.refunds == 2


@pytest.mark.parametrize("wrong", [True, [1], {"id": 1}])
async def test_order_id_of_another_type_is_rejected(server: Server, wrong: Any) -> None:
    (rejected,) = (await send_batch(server, track(ORDER, anonymousId="h", properties={"order_id": wrong})))["rejected"]
    assert rejected["message"].startswith("properties.order_id: Expected a text, found ")


@pytest.mark.parametrize("empty", [None, "", " "])
async def test_empty_order_id_is_none(server: Server, valkey: Valkey, empty: str | None) -> None:
    visitor = f"i{empty}"
    for _ in range(2):
        await send_batch(server, track(ORDER, anonymousId=visitor, properties={"order_id": empty}))
    assert (await profile(valkey.url, visitor)).orders == 2
