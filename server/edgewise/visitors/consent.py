"""Consent: whether a visitor may be remembered, and the parts of a context that may be used otherwise."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from edgewise.types import Attributes, Consent, ConsentMode

IMPERSONAL = ("page", "device", "place", "locale", "time")
"""The parts of a context that describe the page, or that every request shows."""

_STRICTEST_FIRST: tuple[Consent, ...] = ("denied", "pending", "granted")


def decide_consent(mode: ConsentMode, *given: Consent | None) -> Consent:
    """Return the strictest consent that was given. If none was, the site's mode decides."""
    for strict in _STRICTEST_FIRST:
        if strict in given:
            return strict
    return "granted" if mode == "assumed" else "pending"


def page_context(attributes: Attributes) -> dict[str, Any]:
    """Reduce a context to what may be used without consent.

    The page's `data` may be personal. So may the query and the fragment of its URL: sites put customer numbers and
    e-mail addresses there.
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
