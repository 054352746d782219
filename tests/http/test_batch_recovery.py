from __future__ import annotations

import json
import time
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.http import batch_recovery
from edgewise.http.batch_recovery import split_json_batch, split_msgpack_batch

texts = st.text(alphabet='ab"\\,[]{}:\n') | st.just("batch")


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=10,
    )


values = nested(st.none() | st.integers() | texts)
packed = nested(st.none() | st.integers(-(1 << 63), (1 << 64) - 1) | texts | st.binary() | st.floats(allow_nan=False))


@given(st.lists(values, max_size=5), st.dictionaries(texts, values, max_size=3), st.booleans())
def test_json_batch_is_split_whatever_it_contains(batch: list[Any], around: dict[str, Any], first: bool) -> None:
    around.pop("batch", None)
    body = {"batch": batch, **around} if first else {**around, "batch": batch}
    apart = split_json_batch(json.dumps(body).encode())
    assert apart is not None
    envelope, messages = apart
    assert json.loads(envelope) == {**body, "batch": []}
    assert [json.loads(message) for message in messages] == batch


@given(st.lists(packed, max_size=20), st.dictionaries(texts, packed, max_size=20), st.booleans())
def test_msgpack_batch_is_split_whatever_it_contains(batch: list[Any], around: dict[str, Any], first: bool) -> None:
    around.pop("batch", None)
    body = {"batch": batch, **around} if first else {**around, "batch": batch}
    apart = split_msgpack_batch(msgpack.packb(body))
    assert apart is not None
    envelope, messages = apart
    assert msgpack.unpackb(envelope) == {**body, "batch": []}
    assert messages == list(map(msgpack.packb, batch))


@pytest.mark.parametrize(
    "value",
    [
        *(b"x" * size for size in (0, 255, 256, 65_535, 65_536)),
        *("x" * size for size in (0, 31, 32, 255, 256, 65_535, 65_536)),
        *([None] * size for size in (0, 15, 16, 65_535, 65_536)),
        *(dict.fromkeys(range(size)) for size in (0, 15, 16, 1000)),
        *(1 << bits for bits in range(0, 64, 7)),
        *(-(1 << bits) for bits in range(0, 64, 7)),
        *(msgpack.ExtType(5, b"x" * size) for size in (0, 1, 2, 3, 4, 8, 16, 17, 255, 256, 65_536)),
        *(None, True, False, 1.5, msgpack.Timestamp(5, 6)),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:12]}",
)
def test_every_type_of_msgpack_value_is_skipped(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_recovery, "MAX_TOKENS", 100_000)
    messages = [value, {"type": "page"}]
    apart = split_msgpack_batch(msgpack.packb({"batch": messages, "writeKey": "k"}))
    assert apart == (msgpack.packb({"batch": [], "writeKey": "k"}), list(map(msgpack.packb, messages)))


@given(st.binary(max_size=50) | st.binary(max_size=50).map(lambda body: b"\x81\xa5batch" + body))
def test_any_bytes_can_be_scanned_as_msgpack(body: bytes) -> None:
    split_msgpack_batch(body)


def test_truncated_or_malformed_msgpack_is_not_split() -> None:
    whole = msgpack.packb({"batch": ["x" * 40, {"a": [1.5]}]})
    for end in range(len(whole)):
        assert split_msgpack_batch(whole[:end]) is None, end
    assert split_msgpack_batch(b"\x81\xa5batch\x92\xc1\x01") is None
    others: list[Any] = [[], {}, {"batch": None}, {"batch": {}}, {"else": [1]}, 5]
    for other in others:
        assert split_msgpack_batch(msgpack.packb(other)) is None


@given(st.binary(max_size=50) | st.text(alphabet='"batch":[]{},\\').map(str.encode))
def test_any_bytes_can_be_scanned_as_json(body: bytes) -> None:
    split_json_batch(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * (4 << 20),
        b"[]" * (2 << 20),
        b'{"batch": [' + b"{},{}," * 500_000,
        b'"' + b'\\"' * (2 << 20),
        b'"' + b'\\"' * (2 << 20) + b"\\",
        b'"' * (4 << 20),
        b"\x81" * (4 << 20),
        b"\x81\xa5batch\xdd\x00\x40\x00\x00" + b"\x01" * (4 << 20),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_hostile_body_is_scanned_in_bounded_time(body: bytes) -> None:
    began = time.process_time()
    assert split_json_batch(body) is None
    assert split_msgpack_batch(body) is None
    assert time.process_time() - began < 1.0
