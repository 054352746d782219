from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest

from edgewise.errors import DeliveryFailed
from edgewise.webhooks.delivery import Delivery, signature
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def post(receiver: Receiver, reply_within: float = 60.0) -> None:
    delivery = Delivery(allow_private=True, timeout=reply_within)
    try:
        await delivery.post(receiver.url, "m1", b'{"id":"m1"}', "secret")
    finally:
        await delivery.close()


def test_signature_covers_time_and_body() -> None:
    expected = hmac.new(b"secret", b"17.body", hashlib.sha256).hexdigest()
    assert signature("secret", 17, b"body") == f"t=17,v1={expected}"


async def test_message_is_posted_with_its_id_and_signature(receiver: Receiver) -> None:
    await post(receiver)
    (request,) = receiver.accepted
    assert request.body == b'{"id":"m1"}'
    assert request.headers["edgewise-message-id"] == "m1"
    seconds = int(request.headers["edgewise-signature"].partition(",")[0][2:])
    assert request.headers["edgewise-signature"] == signature("secret", seconds, request.body)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_other_status_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.behaviour = status
    with pytest.raises(DeliveryFailed, match=rf"^Expected a status from 200 to 299, found {status}\.$"):
        await post(receiver)
    assert len(receiver.requests) == 1, "A redirect is not followed."


async def test_missing_response_is_a_failure(receiver: Receiver) -> None:
    receiver.behaviour = "hang"
    with pytest.raises(DeliveryFailed, match=r"^No response came within 0\.2 s\.$"):
        await post(receiver, reply_within=0.2)


async def test_closed_connection_is_a_failure(receiver: Receiver) -> None:
    receiver.behaviour = "die"
    with pytest.raises(DeliveryFailed, match=r"^The request failed: RemoteProtocolError: "):
        await post(receiver)
