"""Traffic sources: where a visit came from, and the page on which it began."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from edgewise.types import Milliseconds
from edgewise.visitors.names import Seconds, bounded, seconds
from edgewise.visitors.readable_text import decode_host, decode_path, decode_text, read_path

MAX_QUERY_FIELDS = 100

_UTM = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "campaign"}


class Source(Struct, frozen=True, array_like=True, order=True, gc=False):
    """A traffic source, and the time of the visit. Without a campaign, `source` is the referrer's host or `direct`."""

    at: Seconds
    source: str
    medium: str
    campaign: str
    referrer: str
    landing: str

    @property
    def direct(self) -> bool:
        """Whether the visit has neither a campaign nor a referrer."""
        return self.source == "direct"


def find_source(
    url: str | None, path: str | None, referrer: str | None, campaign: Mapping[str, str | None], at: Milliseconds
) -> Source | None:
    """Find the source of a page view.

    Return None if the view came from another page of the same site, or if there is no page. `campaign` has some of the
    names source, medium and campaign. It comes before the UTM parameters of the page's URL. A source keeps only the
    host of the referrer and the path of the page.
    """
    if not url and not path and not referrer and not any(campaign.values()):
        return None
    host, landing, query = _split(url)
    try:
        names = parse_campaign(query)
    except ValueError:
        names = {}
    names |= {name: value for name, value in campaign.items() if value}
    referring, _, _ = _split(referrer)
    if "source" not in names and referring and referring == host:
        return None
    source = names.get("source") or referring or "direct"
    found = (
        source,
        names.get("medium", ""),
        names.get("campaign", ""),
        referring,
        read_path(path) if path else landing,
    )
    return Source(seconds(at), *(bounded(text) for text in found))


def parse_campaign(query: str) -> dict[str, str]:
    """Read source, medium and campaign from the UTM parameters of a URL's query.

    Raises:
        ValueError: the query has more than 100 fields.
    """
    if "utm_" not in query:
        return {}
    fields = query.split("&", MAX_QUERY_FIELDS)
    if len(fields) > MAX_QUERY_FIELDS:
        raise ValueError(f"Expected at most {MAX_QUERY_FIELDS} fields in the query, found more.")
    pairs = (map(_decode_field, field.partition("=")[::2]) for field in fields)
    return {_UTM[name]: value for name, value in pairs if name in _UTM and value}


def earlier(one: Source | None, other: Source | None) -> Source | None:
    present = [source for source in (one, other) if source is not None]
    return min(present, default=None)


def later(one: Source | None, other: Source | None) -> Source | None:
    """The later one. A direct visit does not replace another source."""
    present = [source for source in (one, other) if source is not None]
    return max(present, key=lambda source: (not source.direct, source), default=None)


def _decode_field(text: str) -> str:
    return decode_text(text.replace("+", " "))


def _split(url: str | None) -> tuple[str, str, str]:
    """Host, path and query. All are empty if the URL is invalid."""
    try:
        parts = urlsplit(url or "")
        return decode_host(parts.hostname or ""), decode_path(parts.path), parts.query
    except ValueError:
        return "", "", ""
