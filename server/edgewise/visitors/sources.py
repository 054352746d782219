"""Sources: where a visit came from, and on which page it began."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from edgewise.types import Milliseconds
from edgewise.visitors.names import Seconds, bounded, seconds

_UTM = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "name"}


class Source(Struct, frozen=True, array_like=True, order=True, gc=False):
    """When a visitor came, and from where. Without a campaign, `source` is the referrer's host, or `direct`."""

    at: Seconds
    source: str
    medium: str
    campaign: str
    referrer: str
    landing: str

    @property
    def direct(self) -> bool:
        """Whether nothing tells where it came from."""
        return self.source == "direct"


def source_of(
    url: str | None, path: str | None, referrer: str | None, campaign: Mapping[str, str | None], at: Milliseconds
) -> Source | None:
    """Where a page view came from; None when it came from another page of the same site, or when there is no page.

    `campaign` has the names of Segment's `context.campaign`: source, medium and name; the page's address may have them
    as `utm_source` and so on. Of addresses only the host of the referrer and the path of the page are kept.
    """
    if not url and not path and not referrer and not any(campaign.values()):
        return None
    host, landing, query = _parts(url)
    told = {_UTM[name]: value for name, value in _pairs(query) if name in _UTM}
    told |= {name: value for name, value in campaign.items() if value}
    referring, _, _ = _parts(referrer)
    if "source" not in told and referring and referring == host:
        return None
    name = told.get("source") or referring or "direct"
    found = (name, told.get("medium", ""), told.get("name", ""), referring, path or landing)
    return Source(seconds(at), *(bounded(text) for text in found))


def first(one: Source | None, other: Source | None) -> Source | None:
    """The earlier one."""
    known = [source for source in (one, other) if source is not None]
    return min(known, default=None)


def last(one: Source | None, other: Source | None) -> Source | None:
    """The later one; one that says something is not replaced by a direct visit."""
    known = [source for source in (one, other) if source is not None]
    return max(known, key=lambda source: (not source.direct, source), default=None)


def _parts(url: str | None) -> tuple[str, str, str]:
    """Host, path and query; nothing of one that cannot be read."""
    try:
        parts = urlsplit(url or "")
        return parts.hostname or "", parts.path, parts.query
    except ValueError:
        return "", "", ""


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, max_num_fields=100) if "utm_" in query else []
    except ValueError:
        return []
