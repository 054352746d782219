from __future__ import annotations

import pytest

from edgewise.types import Consent, ConsentMode
from edgewise.visitors.consent import decide_consent, page_context


@pytest.mark.parametrize(
    ("mode", "given", "consent"),
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
def test_strictest_consent_wins_and_the_mode_decides_without_any(
    mode: ConsentMode, given: tuple[Consent | None, ...], consent: Consent
) -> None:
    assert decide_consent(mode, *given) == consent


def test_context_without_consent_keeps_the_page_without_its_query() -> None:
    page = {"url": "https://shop.example/a?customer=7#7", "path": "/a", "source": "ads"}
    known = {"page": page, "device": {"type": "mobile"}, "data": {"member": 7}, "visitor": {"orders": 1}}
    assert page_context(known) == {
        "page": {"url": "https://shop.example/a", "path": "/a", "source": "ads"},
        "device": {"type": "mobile"},
    }
    assert page["url"].endswith("#7"), "The original context is unchanged."


def test_invalid_url_is_dropped_without_consent() -> None:
    assert page_context({"page": {"url": "http://[7"}}) == {"page": {"url": ""}}
