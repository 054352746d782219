"""The registry's bytes."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import StoreError
from edgewise.sites import SiteEntry, decode_sites, encode_sites
from edgewise.types import Webhook

names = st.lists(st.text(), max_size=3).map(tuple)
segments = st.dictionaries(st.text(), st.just({"page.type": "home"}), max_size=2)
webhooks = st.builds(Webhook, when=st.just({"visitor.orders": {"$gte": 1}}), after=st.integers(0, 2**40))
sites = st.lists(
    st.builds(
        SiteEntry,
        name=st.text(),
        write_key=st.text(),
        origins=names,
        placements=names,
        segments=segments,
        webhooks=st.lists(webhooks, max_size=2).map(tuple),
    ),
    max_size=3,
)


@given(sites.map(tuple))
def test_sites_come_back_from_their_bytes_as_they_were(sites: tuple[SiteEntry, ...]) -> None:
    assert decode_sites(encode_sites(sites)) == sites


@pytest.mark.parametrize(
    "packed", [b"", b"\xc1", msgpack.packb(7), msgpack.packb([7]), msgpack.packb([{"name": "shop"}])]
)
def test_bytes_that_are_no_registry_are_refused(packed: bytes) -> None:
    with pytest.raises(StoreError, match=f"registry of {len(packed)} bytes"):
        decode_sites(packed)


def test_a_field_that_an_older_version_did_not_have_is_what_it_is_by_default() -> None:
    site = {"name": "shop", "write_key": "k", "origins": [], "placements": ["hero"]}
    (entry,) = decode_sites(msgpack.packb([site]))
    assert (entry.consent, entry.learn_without_consent) == ("assumed", True)


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    site = {"name": "shop", "write_key": "k", "origins": [], "placements": ["hero"], "colour": "blue"}
    assert decode_sites(msgpack.packb([site])) == (SiteEntry("shop", "k", (), ("hero",)),)
