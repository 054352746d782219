from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.sources import Source, first, last, source_of
from tests.visitors.acts import NOW, sources

AT = NOW // 1000


def test_a_campaign_is_read_from_the_pages_address() -> None:
    url = "https://shop.example/shoes?utm_source=news&utm_medium=email&utm_campaign=spring"
    assert source_of(url, None, "https://mail.example/", {}, NOW) == Source(
        AT, "news", "email", "spring", "mail.example", "/shoes"
    )


def test_a_campaign_that_is_told_comes_before_the_address() -> None:
    found = source_of("https://shop.example/?utm_source=a", None, None, {"source": "b", "name": "c"}, NOW)
    assert found is not None
    assert (found.source, found.campaign) == ("b", "c")


def test_without_a_campaign_the_referrer_tells_and_without_that_nothing_does() -> None:
    by_search = source_of("https://shop.example/", None, "https://www.google.com/search?q=x", {}, NOW)
    assert by_search == Source(AT, "www.google.com", "", "", "www.google.com", "/")
    by_hand = source_of("https://shop.example/", None, "", {}, NOW)
    assert by_hand is not None
    assert by_hand.direct
    assert source_of(None, None, None, {}, NOW) is None


def test_another_page_of_the_same_site_is_no_source() -> None:
    assert source_of("https://shop.example/b", None, "https://shop.example/a", {}, NOW) is None


def test_a_direct_visit_replaces_no_other_source() -> None:
    ad, direct = Source(1, "ads", "", "", "", "/"), Source(2, "direct", "", "", "", "/")
    assert (first(direct, ad), last(ad, direct)) == (ad, ad)
    assert last(None, direct) == direct


@given(st.none() | sources, st.none() | sources)
def test_which_is_asked_first_does_not_matter(one: Source | None, other: Source | None) -> None:
    assert (first(one, other), last(one, other)) == (first(other, one), last(other, one))


@given(st.text(), st.text(), st.text())
def test_no_address_is_too_odd(url: str, path: str, referrer: str) -> None:
    source_of(url, path, referrer, {}, NOW)
