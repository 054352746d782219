"""Requests that would cost the server far more than their size, if it let them."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from load_tests.attacker import LARGE_PLACEMENT, PLACEMENT, WRITE_KEY, Attacker, get, post

SIZE = 250_000
"""Bytes. The largest body that a decide call may have is a little larger."""

_MSGPACK = {"content-type": "application/msgpack"}
_GZIP = {"content-encoding": "gzip"}
_PRIME = (1 << 61) - 1
"""Python hashes an integer modulo this number."""


async def send_colliding_keys(attacker: Attacker) -> None:
    """MessagePack maps whose keys are lists with one hash."""
    count = SIZE // 11
    keys = b"".join(b"\x91\xcf" + (n % 8 * _PRIME + 5).to_bytes(8, "big") + b"\x01" for n in range(count))
    data = b"\x82\xaaplacements\x90\xa7context\x81\xa4data\xdf" + count.to_bytes(4, "big") + keys
    await attacker.repeat([post("/v1/decide", data, _MSGPACK), post("/v1/batch", data, _MSGPACK)])


async def send_gzip_bombs(attacker: Attacker) -> None:
    """Small gzipped bodies that become large."""
    bodies = [gzip.compress(decide_with(filled(b"[]", 4 << 20))), gzip.compress(b" " * (60 << 20))]
    await attacker.repeat([post(path, body, _GZIP) for body in bodies for path in ("/v1/decide", "/v1/batch")])


async def send_nested_values(attacker: Attacker) -> None:
    """JSON and MessagePack that are nested very deeply."""
    json = [decide_with(b"[" * SIZE), decide_with(b'{"a":' * (SIZE // 5)), b'{"batch": [' + b"[" * SIZE]
    packed = [b"\x81\xa5batch" + b"\x91" * SIZE, b"\x81\xa5batch" + bytes.fromhex("dd0003ffff") * (SIZE // 5)]
    requests = [post(path, body) for body in json for path in ("/v1/decide", "/v1/batch")]
    await attacker.repeat(requests + [post("/v1/batch", body, _MSGPACK) for body in packed])


async def send_many_values(attacker: Attacker) -> None:
    """As many small values as fit, also such that take long to convert."""
    units = (b"1", b"[]", b"{}", b'""', b"1e308", b"9" * 4300, b"9007199254740993.0000000000000001", b'"\\u00e9"')
    decides = [post("/v1/decide", decide_with(filled(unit, SIZE))) for unit in units]
    batches = [post("/v1/batch", batch_of({"properties": msgspec.Raw(object_of(unit))})) for unit in units]
    await attacker.repeat([*decides, *batches, post("/v1/batch", keyed(b'"batch":' + filled(b"1", 2 * SIZE)))])


async def ask_for_many_placements(attacker: Attacker) -> None:
    """One placement with many actions, as often as a call may have it."""
    await attacker.repeat([post("/v1/decide", {"placements": [LARGE_PLACEMENT] * 50, "anonymousId": "greedy"})])


async def send_malformed_batches(attacker: Attacker) -> None:
    """Batches that are split, because a message in them is malformed."""
    bodies = [b"{},{}," * (SIZE // 6), b'"\\ud800",' * (SIZE // 9), b'{"a":"\\"}' * (SIZE // 9)]
    await attacker.repeat([post("/v1/batch", keyed(b'"batch":[' + body + b"}]")) for body in bodies])


async def send_costly_texts(attacker: Attacker) -> None:
    """Texts that take more than linear time to read, if nothing bounds them."""
    texts = [
        "a" + "\u0315\u0300" * 2000,
        "https://xn--" + "b" * 8000 + "/",
        "https://a.example/?" + "&".join(["utm_source"] * 700),
        "/%20" + "%FF" * 2600,
        "android" * 1000 + "mobile",
    ]
    pages = [{"url": text, "path": text, "referrer": text} for text in texts]
    decides = [post("/v1/decide", {"placements": [PLACEMENT], "context": {"page": page}}) for page in pages]
    batches = [post("/v1/batch", batch_of({"context": {"page": page}})) for page in pages]
    headers = [{"user-agent": "Mozilla/" + "android" * 1000 + "mobile", "accept-language": "-a" * 10_000}]
    await attacker.repeat([*decides, *batches, *(post("/v1/decide", {"placements": []}, one) for one in headers)])


async def send_long_headers(attacker: Attacker) -> None:
    """Headers and values that differ each time, so that they could fill the caches."""

    def requests() -> Iterator[bytes]:
        for number in itertools.count():
            long = f"{number}-" + "x" * 7000
            headers = {
                "accept-language": long,
                "accept": long,
                "origin": f"https://{long}",
                "user-agent": f"Mozilla/{long}",
            }
            context = {
                "page": {"url": f"https://a.example/{long}", "referrer": f"https://{long}/"},
                "timezone": long[:256],
                "locale": f"de-{long}"[:256],
                "data": {f"{number}{'n' * 900}": "v", "a": f"{number}{'v' * 900}"},
            }
            yield post(
                "/v1/decide",
                {"placements": [PLACEMENT], "context": context},
                headers | {"origin": "https://shop.example"},
            )
            yield post("/v1/decide", {"placements": [PLACEMENT]}, headers)

    await attacker.repeat(requests())


async def call_open_routes(attacker: Attacker) -> None:
    """The routes that need no key."""
    paths = ("/metrics", "/readyz", "/openapi.json", "/edgewise.js", "/edgewise-debug.js?" + "a&" * 10_000, "/unknown")
    headers = {"accept-encoding": "," * 8000, "if-none-match": "," * 8000, "accept": "," * 8000}
    await attacker.repeat([get(path, headers) for path in paths])


def filled(unit: bytes, size: int) -> bytes:
    """A JSON list of this value, of about this size."""
    return b"[" + b",".join([unit] * (size // (len(unit) + 1))) + b"]"


def object_of(unit: bytes) -> bytes:
    """An object with as many fields as a message may have."""
    fields = min(900, 20_000 // (len(unit) + 6))
    return b"{" + b",".join(b'"%d":%s' % (number, unit) for number in range(fields)) + b"}"


def keyed(fields: bytes) -> bytes:
    return b'{"writeKey":"%s",%s}' % (WRITE_KEY.encode(), fields)


def decide_with(data: bytes) -> bytes:
    """A decide body with this value in its context."""
    return keyed(b'"placements":["%s"],"context":{"data":{"a":%s}}' % (PLACEMENT.encode(), data))


def batch_of(fields: dict[str, Any]) -> dict[str, Any]:
    """A batch of about half a megabyte."""
    message = {"type": "page", "anonymousId": "attacker", **fields}
    return {"batch": [message] * max(1, min(500, 2 * SIZE // len(msgspec.json.encode(message))))}


ATTACKS = {
    "colliding keys": send_colliding_keys,
    "gzip bombs": send_gzip_bombs,
    "deep nesting": send_nested_values,
    "many values": send_many_values,
    "many placements": ask_for_many_placements,
    "malformed batches": send_malformed_batches,
    "costly texts": send_costly_texts,
    "long headers": send_long_headers,
    "open routes": call_open_routes,
}
