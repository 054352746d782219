from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from edgewise.errors import RequestError
from edgewise.http.content import JSON, MSGPACK, Format
from edgewise.http.decoding import BatchReader, BodyDecoder, decode_message, decode_messages
from edgewise.http.requests import DecideBody, SingleBody

NESTED = 100_000
BODY = {"placements": ["hero"]}
GOOD = {"type": "track", "event": "Order Completed", "anonymousId": 'good, [neighbour] {"}'}

decoders = pytest.mark.parametrize(
    "decode",
    [BodyDecoder(DecideBody).decode, BodyDecoder(SingleBody).decode, BatchReader().decode],
    ids=["decide", "single", "batch"],
)


@decoders
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"placements": ["he',
        b"null and more",
        b'{"placements": ["hero"]} trailing',
        b'{"placements": ["hero"], "writeKey": "\xff\xfe"}',
        b'{"placements": ["hero"], "writeKey": "\xed\xa0\x80"}',
        b'{"placements": ["hero"], "writeKey": "\\ud800"}',
        b'{"placements": ["hero"], "writeKey": "a\x00b"}',
        b'{"placements": NaN}',
        b"\xef\xbb\xbf{}",
        '{"placements": ["hero"]}'.encode("utf-16"),
        b"[" * NESTED,
        b'{"later": ' + b"[" * NESTED + b"]" * NESTED + b"}",
        b'{"later": ' + b'{"a":' * NESTED + b"1" + b"}" * NESTED + b"}",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_malformed_json_is_refused(decode: Any, body: bytes) -> None:
    assert_refused(decode, body, JSON)


@decoders
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x81",
        b"\x80\x80",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a\xc6\xff\xff\xff\xff",
        b"\x81\xa8writeKey\xa2\xff\xfe",
        b"\x81\x01\x01",
        b"\x81\xa5later" + b"\x91" * NESTED + b"\xc0",
        json.dumps(BODY).encode(),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_malformed_messagepack_is_refused(decode: Any, body: bytes) -> None:
    assert_refused(decode, body, MSGPACK)


def assert_refused(decode: Any, body: bytes, format: Format) -> None:
    with pytest.raises(RequestError) as refused:
        decode(body, format)
    assert (refused.value.status, refused.value.code in ("malformed_body", "invalid_request")) == (400, True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "body: Malformed JSON: Input data was truncated."),
        (b"\xef\xbb\xbf{}", "body: Malformed JSON: it begins with a byte-order mark. Send UTF-8 without one."),
        ("{}".encode("utf-16"), "body: Malformed JSON: it is UTF-16. Send UTF-8."),
        ("{}".encode("utf-16-be"), "body: Malformed JSON: it is UTF-16. Send UTF-8."),
        (b"{} more", "body: Malformed JSON: trailing characters (byte 4)."),
        (b"[" * NESTED, "body: Malformed JSON: nested too deeply."),
        (b'"\xff"', "body: Malformed JSON: Invalid UTF-8 encoded string."),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_error_of_malformed_json_has_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        BodyDecoder(Any).decode(body, JSON)
    assert refused.value.message == message


@pytest.mark.parametrize(
    "body", ["{", '{"batch": [', '{"batch": [}', '{"writeKey": "\\ud800"}', '["batch", [1]]', '{"batch": []']
)
def test_malformed_batch_is_refused(body: str) -> None:
    assert_refused(BatchReader().decode, body.encode(), JSON)


def test_single_message_may_omit_its_type() -> None:
    assert decode_message(b'{"event": "Viewed"}', JSON, "track").type == "track"
    assert decode_message(b'{"type": "page"}', JSON, "page").type == "page"
    with pytest.raises(RequestError, match=r"^type: Unknown value 'page'\."):
        decode_message(b'{"type": "page"}', JSON, "track")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('"traits": {"x": 5, "y": [1, {"z": 123456789012345678901234567890}]}', "traits.y.1.z: Expected an integer of"),
        ('"traits": {"big": "' + "x" * (1 << 20) + '"}', "message: Expected at most 32768 bytes, found 10486"),
        (
            '"properties": {' + ", ".join(f'"p{n}": {n}' for n in range(10_000)) + "}",
            "message: Expected at most 32768 b",
        ),
        (
            '"properties": {' + ", ".join(f'"{n}":1' for n in range(2_000)) + "}",
            "message: Expected at most 1000 values",
        ),
        ('"properties": {"x": ' + "[" * 40 + "]" * 40 + "}", "properties.x.0.0.0.0"),
        ('"properties": {"x": ' + "[" * 9_000 + "]" * 9_000 + "}", "message: Malformed JSON: nested too deeply."),
        (
            '"properties": {"x": ' + '{"x":' * 5_000 + "1" + "}" * 5_000 + "}",
            "message: Malformed JSON: nested too deeply.",
        ),
        ('"properties": {"x": "\\ud800"}', "message: Malformed JSON: "),
        ('"properties": {"x": "\\udc00 and more that follows"}', "message: Malformed JSON: "),
        ('"properties": {"x": "a\\u0000b"}', "properties.x: Expected a text without NUL characters."),
        ('"traits": {"a\\u0000b": 1}', "traits: Expected a text without NUL characters."),
        ('"properties": {"x": 1e999}', "message: Expected numbers below 1e289, found a larger one."),
        ('"properties": {"x": NaN}', "message: Malformed JSON: "),
        ('"timestamp": 5', "timestamp: Expected a time or null, found a whole number."),
        ('"context": {"page": {"url": 5}}', "context.page.url: Expected a text or null, found a whole number."),
        ('"userId": "\xff"', "message: Malformed JSON: "),
    ],
    ids=lambda value: value[:40],
)
def test_hostile_message_is_rejected_alone(fields: str, message: str) -> None:
    good = json.dumps(GOOD)
    bad = '{"type": "track", "event": "Order Completed", "anonymousId": "bad", ' + fields + "}"
    body = f'{{"sentAt": null, "batch": [{good}, {bad}, {good}], "writeKey": "default"}}'
    assert_second_is_rejected(body.encode("latin-1"), JSON, message)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (b"\x81\xa1x" * 5_000 + b"\x01", "message: Malformed MessagePack: nested too deeply."),
        (b"\x91" * 5_000 + b"\x01", "message: Malformed MessagePack: nested too deeply."),
        (b"\x81\xa1x" + b"\x91" * 40 + b"\x01", "properties.x.0.0.0.0"),
        (b"\x81\xa1x\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "properties.x: Expected a finite number, found nan."),
        (b"\x81\xa1x\xc4\x01\x00", "properties.x: Expected a type that JSON has, found bytes."),
        (b"\x81\xa1x\xa3\xed\xa0\x80", "message: Malformed MessagePack: "),
        (b"\x81\xa1x\xa1\x00", "properties.x: Expected a text without NUL characters."),
        (b"\x81\xa1x\x81\x05\x01", "message: Expected texts as keys, found a key of type int."),
        (b"\x81\xa1x\x81\xc0\x01", "message: Expected texts as keys, found a key of type NoneType."),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_hostile_messagepack_message_is_rejected_alone(properties: bytes, message: str) -> None:
    good = msgpack.packb(GOOD)
    bad = msgpack.packb({"type": "track", "event": "Order Completed", "anonymousId": "bad", "properties": None})
    envelope = msgpack.packb({"writeKey": "default", "batch": []})[:-1]
    assert_second_is_rejected(envelope + b"\x93" + good + bad[:-1] + properties + good, MSGPACK, message)


def assert_second_is_rejected(body: bytes, format: Format, error: str) -> None:
    batch = BatchReader().decode(body, format)
    messages, rejections = decode_messages(batch.batch, format)
    assert batch.write_key == "default"
    assert [(index, found.anonymous_id) for index, found in messages] == [
        (0, GOOD["anonymousId"]),
        (2, GOOD["anonymousId"]),
    ]
    (rejection,) = rejections
    assert (rejection.index, rejection.code) == (1, "invalid_message")
    assert rejection.message.startswith(error)
    assert len(rejection.message) < 400
