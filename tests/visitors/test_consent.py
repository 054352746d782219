from __future__ import annotations

import pytest

from edgewise.types import Consent, ConsentMode
from edgewise.visitors.consent import consent_of, page_context


@pytest.mark.parametrize(
    ("mode", "said", "consent"),
    [
        ("assumed", (), "granted"),
        ("assumed", (None, None), "granted"),
        ("required", (), "pending"),
        ("required", (None,), "pending"),
        ("required", (None, "granted"), "granted"),
        ("assumed", ("granted", "pending"), "pending"),
        ("assumed", ("denied", None, "granted"), "denied"),
        ("required", ("pending", "denied"), "denied"),
    ],
)
def test_the_strictest_word_holds_and_silence_is_what_the_site_takes_it_for(
    mode: ConsentMode, said: tuple[Consent | None, ...], consent: Consent
) -> None:
    assert consent_of(mode, *said) == consent


def test_without_consent_the_page_is_left_less_the_query_of_its_address() -> None:
    page = {"url": "https://shop.example/a?customer=7#7", "path": "/a", "source": "ads"}
    known = {"page": page, "device": {"type": "mobile"}, "data": {"member": 7}, "visitor": {"orders": 1}}
    assert page_context(known) == {
        "page": {"url": "https://shop.example/a", "path": "/a", "source": "ads"},
        "device": {"type": "mobile"},
    }
    assert page["url"].endswith("#7"), "what it was made from is not changed"


def test_an_address_that_cannot_be_read_is_left_out_without_consent() -> None:
    assert page_context({"page": {"url": "http://[7"}}) == {"page": {"url": ""}}
