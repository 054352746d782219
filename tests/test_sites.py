"""The settings of sites and their encoding in the registry."""

from __future__ import annotations

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import StoreError
from edgewise.sites import Site, decode_sites, encode_sites
from edgewise.types import Webhook

FULL = Site(
    name="shop",
    write_key="wk_1",
    origins=("https://shop.example",),
    placements=("hero", "row"),
    consent="required",
    learn_without_consent=False,
    robots="learn",
    segments={"loyal": {"visitor.orders": {"$gte": 3}}},
    sensitive=("gender",),
    webhooks=(Webhook("left", "https://mail.example", {"visitor.cartItems": {"$in": [1, 0.5]}}, "$SECRET", 60_000),),
    identity="trusted",
)
GOLDEN = bytes.fromhex(
    "918aa46e616d65a473686f70a977726974655f6b6579a4776b5f31a76f726967696e7391b468747470733a2f2f73686f702e"
    "6578616d706c65aa706c6163656d656e747392a46865726fa3726f77a7636f6e73656e74a87265717569726564b56c656172"
    "6e5f776974686f75745f636f6e73656e74c2a6726f626f7473a56c6561726ea87365676d656e747381a56c6f79616c81ae76"
    "697369746f722e6f726465727381a42467746503a973656e73697469766591a667656e646572a8776562686f6f6b739195a4"
    "6c656674b468747470733a2f2f6d61696c2e6578616d706c6581b176697369746f722e636172744974656d7381a324696e92"
    "01cb3fe0000000000000a724534543524554cdea60"
)
"""FULL as the first release encoded it, without `identity`. These bytes are in the stores of users."""

names = st.lists(st.text(), max_size=3).map(tuple)
conditions = st.dictionaries(st.text(), st.just({"$gte": 1}), max_size=2)
webhooks = st.builds(Webhook, when=conditions, after=st.integers(0, 2**40))
sites = st.builds(
    Site,
    placements=names,
    segments=st.dictionaries(st.text(), conditions, max_size=2),
    webhooks=st.lists(webhooks, max_size=2).map(tuple),
)


def test_fields_of_the_first_release_have_its_encoding() -> None:
    (first,), (now,) = msgspec.msgpack.decode(GOLDEN), msgspec.msgpack.decode(encode_sites([FULL]))
    assert list(now.items())[: len(first)] == list(first.items())
    assert decode_sites(GOLDEN) == (msgspec.structs.replace(FULL, identity="verified"),)


def test_every_field_of_a_site_is_encoded() -> None:
    defaults = Site("", "", (), ())
    assert [name for name in Site.__struct_fields__ if getattr(FULL, name) == getattr(defaults, name)] == []
    assert decode_sites(encode_sites([FULL])) == (FULL,)


@given(st.lists(sites, max_size=3).map(tuple))
def test_decoding_inverts_encoding(sites: tuple[Site, ...]) -> None:
    assert decode_sites(encode_sites(sites)) == sites


def test_an_empty_registry_has_no_sites() -> None:
    assert decode_sites(None) == ()


@pytest.mark.parametrize(
    "packed", [b"", b"\xc1", msgpack.packb(7), msgpack.packb([7]), msgpack.packb([{"name": "shop"}])]
)
def test_invalid_bytes_are_rejected(packed: bytes) -> None:
    with pytest.raises(StoreError, match=f"The registry's {len(packed)} bytes are not encoded sites"):
        decode_sites(packed)


def test_a_missing_field_of_an_older_release_has_its_default() -> None:
    site = {"name": "shop", "write_key": "k", "origins": [], "placements": ["hero"]}
    assert decode_sites(msgpack.packb([site])) == (Site("shop", "k", (), ("hero",)),)


def test_an_unknown_field_of_a_newer_release_is_ignored() -> None:
    site = {"name": "shop", "write_key": "k", "origins": [], "placements": ["hero"], "colour": "blue"}
    assert decode_sites(msgpack.packb([site])) == (Site("shop", "k", (), ("hero",)),)
