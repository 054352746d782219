from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgewise.http.requests import DecideBody, message_type
from edgewise.visitors.message import Message

IDS = ("messageId", "anonymousId", "userId", "previousId")


@pytest.mark.parametrize("type", [Message, message_type("track")])
@pytest.mark.parametrize("decode", [msgspec.json.decode, msgspec.msgpack.decode])
def test_an_id_may_be_a_number(type: type[Message], decode: Any) -> None:
    encode = msgspec.json.encode if decode is msgspec.json.decode else msgspec.msgpack.encode
    message = decode(encode({"type": "track", **dict.fromkeys(IDS, 4711)}), type=type)
    assert (message.message_id, message.anonymous_id, message.user_id, message.previous_id) == ("4711",) * 4


@pytest.mark.parametrize(("given", "id"), [(4711, "4711"), (-(2**63), str(-(2**63))), (2**63 - 1, str(2**63 - 1))])
def test_a_decide_call_may_have_numbers_as_ids(given: int, id: str) -> None:
    for name in ("anonymousId", "userId"):
        body = msgspec.json.decode(msgspec.json.encode({"placements": [], name: given}), type=DecideBody)
        assert {body.anonymous_id, body.user_id} == {id, None}


@pytest.mark.parametrize("id", [True, 1.5, 4711.0, 2**63, [1], {}])
def test_another_value_is_no_id(id: Any) -> None:
    for body, type in (({"type": "track", "userId": id}, Message), ({"placements": [], "userId": id}, DecideBody)):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(body), type=type)
