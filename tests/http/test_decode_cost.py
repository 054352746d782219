from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import RequestError
from edgewise.http.content import JSON, MSGPACK, Format
from edgewise.http.decide import MAX_BODY_BYTES
from edgewise.http.decode_cost import MAX_ITEMS, CostlyValue, check_json_cost, check_msgpack_cost
from edgewise.http.decoding import BatchReader, BodyDecoder, decode_messages
from edgewise.http.requests import MAX_MESSAGES, DecideBody

LARGE = ["1e289", "1E300", "1e+308", "-2.5e0300", "9.999e+00299", "0.1e309"]


@pytest.mark.parametrize("number", LARGE)
@pytest.mark.parametrize("body", ['{"a": %s}', "[1,%s]", '{"%s": "a", "b":%s}', '"\\"" , %s'])
def test_json_number_that_is_slow_to_convert_is_refused(number: str, body: str) -> None:
    with pytest.raises(CostlyValue, match=r"^Expected numbers below 1e289, found a larger one\.$"):
        check_json_cost(body.replace("%s", number).encode())


@pytest.mark.parametrize("number", [*LARGE, 'quoted \\"1e300', "[1,1e300]", ": 1e300,"])
def test_the_same_digits_in_a_text_are_accepted(number: str) -> None:
    check_json_cost(f'{{"a": "{number}", "1e300": 1e288, "b": -1e-300}}'.encode())


leaves = st.none() | st.floats(-1e288, 1e288) | st.text()
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@given(trees)
def test_ordinary_json_is_accepted(value: Any) -> None:
    check_json_cost(json.dumps(value).encode())
    check_json_cost(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    check_msgpack_cost(msgpack.packb(value, unicode_errors="surrogatepass"))


@pytest.mark.parametrize("key", [5, 1.5, None, True, msgpack.Timestamp(1), msgpack.ExtType(5, b"x")])
@pytest.mark.parametrize("around", [lambda value: value, lambda value: [{"a": value}], lambda value: {"a": [value]}])
def test_messagepack_key_that_is_no_text_is_refused(key: Any, around: Any) -> None:
    with pytest.raises(
        CostlyValue, match=rf"^Expected texts as keys, found a key of type \w*\.?{type(key).__name__}\.$"
    ):
        check_msgpack_cost(msgpack.packb(around({key: 1})))


@pytest.mark.parametrize("make", [lambda count: [0] * count, lambda count: dict.fromkeys(map(str, range(count)))])
def test_messagepack_list_or_object_has_at_most_so_many_items(make: Callable[[int], Any]) -> None:
    check_msgpack_cost(msgpack.packb({"a": make(MAX_ITEMS)}))
    with pytest.raises(ValueError, match=f"exceeds .*{MAX_ITEMS}"):
        check_msgpack_cost(msgpack.packb({"a": make(MAX_ITEMS + 1)}))


def test_messagepack_array_as_key_is_refused() -> None:
    with pytest.raises(CostlyValue, match="found a key of type list"):
        check_msgpack_cost(b"\x81\x92\x01\x02\x03")


def filled(unit: bytes, size: int) -> bytes:
    """A list of this JSON value, in about `size` bytes."""
    return b"[" + b",".join([unit] * (size // (len(unit) + 1))) + b"]"


def colliding(count: int) -> bytes:
    """A MessagePack map whose keys have the same hash: their numbers are equal modulo 2^61 - 1, Python's modulus."""
    numbers = [b"\xcf" + (digit * ((1 << 61) - 1) + 5).to_bytes(8, "big") for digit in range(8)]
    keys = b"".join(b"\x95" + b"".join(numbers[n >> 3 * at & 7] for at in range(5)) + b"\x01" for n in range(count))
    return b"\x81\xa1a\xdf" + count.to_bytes(4, "big") + keys


HOSTILE: dict[str, tuple[bytes, Format]] = {
    "large-numbers": (filled(b"1e308", MAX_BODY_BYTES), JSON),
    "subnormal-numbers": (filled(b"5e-324", MAX_BODY_BYTES), JSON),
    "halfway-numbers": (filled(b"9007199254740993.0000000000000001", MAX_BODY_BYTES), JSON),
    "long-integers": (filled(b"9" * 4300, MAX_BODY_BYTES), JSON),
    "integers": (filled(b"1", MAX_BODY_BYTES), JSON),
    "lists": (filled(b"[]", MAX_BODY_BYTES), JSON),
    "objects": (filled(b"{}", MAX_BODY_BYTES), JSON),
    "escapes": (b'"' + b"\\u00e9" * (MAX_BODY_BYTES // 6) + b'"', JSON),
    "nested": (b"[" * MAX_BODY_BYTES, JSON),
    "quotes": (b'"\\"' * (MAX_BODY_BYTES // 3), JSON),
    "text-with-numbers": (b'"' + b"1e300 " * (MAX_BODY_BYTES // 6) + b'"', JSON),
    "duplicates": (b"{" + b",".join([b'"a":1'] * (MAX_BODY_BYTES // 6)) + b"}", JSON),
    "colliding-keys": (colliding(16_000), MSGPACK),
    "nested-maps": (b"\x81\xa1a" * 80_000, MSGPACK),
    "huge-counts": (bytes.fromhex("dd0003d000") * 50_000, MSGPACK),
    "nested-lists-of-the-largest-count": (bytes.fromhex("dc03e8") * 80_000, MSGPACK),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_cost_of_a_hostile_body_is_bounded(name: str) -> None:
    value, format = HOSTILE[name]
    if format is JSON:
        decide = b'{"placements": [], "context": {"data": {"a": ' + value + b"}}}"
        messages = b"{" + b'"type": "page", "properties": {"category": ' + value[:32_000] + b"}}"
        batch = b'{"batch": [' + b",".join([messages] * 16) + b"]}"
    else:
        decide = b"\x82\xaaplacements\x90\xa7context\x81\xa4data" + value
        batch = b"\x81\xa5batch\xdc\x00\x01" + value
    began = time.process_time()
    with suppress(RequestError):
        BodyDecoder(DecideBody, has_any=True).decode(decide, format)
    with suppress(RequestError):
        reader = BatchReader()
        reader.read_key(batch, format)
        decode_messages(reader.decode(batch, format).batch[:MAX_MESSAGES], format)
    # Without the checks, some of these bodies take 3 to 40 s. A busy machine doubles the time of an ordinary one.
    assert time.process_time() - began < 1
