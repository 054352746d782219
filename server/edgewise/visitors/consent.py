"""Consent: whether a visitor may be remembered, and what is left of a request where not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from edgewise.types import Attributes, Consent, ConsentMode

IMPERSONAL = ("page", "device", "place", "locale", "time")
"""The parts of a context that tell of the page and of what every request shows, and of nobody in particular."""

_STRICTEST_FIRST: tuple[Consent, ...] = ("denied", "pending", "granted")


def consent_of(mode: ConsentMode, *said: Consent | None) -> Consent:
    """The strictest of what was said; where nothing was, what the site takes silence for."""
    for strict in _STRICTEST_FIRST:
        if strict in said:
            return strict
    return "granted" if mode == "assumed" else "pending"


def page_context(attributes: Attributes) -> dict[str, Any]:
    """What may be used of a context without consent.

    What the page says in `data` may be of the visitor, and so may the query and the fragment of its address: sites put
    customer numbers and addresses for e-mail there.
    """
    kept = {name: attributes[name] for name in IMPERSONAL if name in attributes}
    page = kept.get("page")
    if page is not None and "url" in page:
        kept["page"] = {**page, "url": _without_query(page["url"])}
    return kept


def _without_query(url: str) -> str:
    try:
        return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
    except ValueError:
        return ""
