"""The shape of every error: its fields, and messages in whole sentences."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec

from tests.test_plain_english import BANNED, MAX_WORDS

PATH = r"(?:[\w.$?\[\]-]+(?:, [\w.]+)*: )*"
"""The path of the wrong value, such as `placements[0].id: `."""


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    """The response is an error with this status and code, and has the shape of all errors."""
    assert response.status_code == status, response.text
    assert error_of(response)["code"] == code
    assert_error_shape(response)


def assert_error_shape(response: httpx.Response) -> None:
    error = error_of(response)
    assert error.keys() == {"code", "message", "details"}
    assert re.fullmatch(r"[a-z_]+", error["code"])
    assert_plain_message(error["message"])
    for detail in error["details"]:
        assert detail.keys() == {"path", "message"}
        assert_plain_message(detail["message"])


def error_of(response: httpx.Response) -> dict[str, Any]:
    is_msgpack = response.headers["content-type"] == "application/msgpack"
    body = msgspec.msgpack.decode(response.content) if is_msgpack else response.json()
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    return error


def assert_plain_message(message: str) -> None:
    """The message is an optional path, then short sentences. The first has a capital letter, the last a full stop."""
    assert re.match(PATH + r"[A-Z`'\"]", message), message
    assert message.endswith("."), message
    assert not BANNED.search(message), message
    assert ";" not in message, message
    for sentence in re.split(r"(?<=[.:]) ", message):
        assert len(sentence.split()) <= MAX_WORDS, message
