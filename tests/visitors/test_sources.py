from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.sources import Source, earlier, find_source, later, parse_campaign
from tests.visitors.activities import NOW, sources

AT = NOW // 1000


def test_campaign_comes_from_the_url_of_the_page() -> None:
    url = "https://shop.example/shoes?utm_source=news&utm_medium=email&utm_campaign=spring"
    assert find_source(url, None, "https://mail.example/", {}, NOW) == Source(
        AT, "news", "email", "spring", "mail.example", "/shoes"
    )


def test_given_campaign_comes_before_the_url() -> None:
    found = find_source("https://shop.example/?utm_source=a", None, None, {"source": "b", "campaign": "c"}, NOW)
    assert found is not None
    assert (found.source, found.campaign) == ("b", "c")


def test_source_is_the_referrer_without_a_campaign_and_direct_without_both() -> None:
    by_search = find_source("https://shop.example/", None, "https://www.google.com/search?q=x", {}, NOW)
    assert by_search == Source(AT, "www.google.com", "", "", "www.google.com", "/")
    by_hand = find_source("https://shop.example/", None, "", {}, NOW)
    assert by_hand is not None
    assert by_hand.direct
    assert find_source(None, None, None, {}, NOW) is None


def test_referrer_of_the_same_site_is_no_source() -> None:
    assert find_source("https://shop.example/b", None, "https://shop.example/a", {}, NOW) is None


def test_direct_visit_does_not_replace_another_source() -> None:
    ad, direct = Source(1, "ads", "", "", "", "/"), Source(2, "direct", "", "", "", "/")
    assert (earlier(direct, ad), later(ad, direct)) == (ad, ad)
    assert later(None, direct) == direct


@given(st.none() | sources, st.none() | sources)
def test_earlier_and_later_are_commutative(one: Source | None, other: Source | None) -> None:
    assert (earlier(one, other), later(one, other)) == (earlier(other, one), later(other, one))


@given(st.text(), st.text(), st.text())
def test_invalid_urls_are_accepted(url: str, path: str, referrer: str) -> None:
    find_source(url, path, referrer, {}, NOW)


def test_source_is_readable() -> None:
    url = "https://shop.example/gr%C3%B6%C3%9Fen?utm_source=fr%C3%BChling+sale"
    assert find_source(url, None, "https://xn--mnchen-3ya.example/", {}, NOW) == Source(
        AT, "frühling sale", "", "", "münchen.example", "/größen"
    )
    found = find_source(None, "/k%C3%BCche%00", None, {}, NOW)
    assert found is not None
    assert found.landing == "/küche%00"


def test_campaign_keeps_what_is_no_text_encoded() -> None:
    assert parse_campaign("utm_campaign=%FF%00x%252B&utm_source=") == {"campaign": "%FF%00x%2B"}


def test_campaign_of_a_query_with_too_many_fields_is_an_error() -> None:
    assert parse_campaign("a=1&utm_campaign=spring") == {"campaign": "spring"}
    with pytest.raises(ValueError, match="fields"):
        parse_campaign("utm_source=a&" * 200)
