"""Parameters in the query string of a request."""

from __future__ import annotations

from urllib.parse import parse_qs

from edgewise.errors import Problem, RequestError
from edgewise.serving.follower import Follower
from edgewise.serving.served_site import ServedSite

MAX_FIELDS = 20
"""The most parameters of a query. Its parsing takes a microsecond for each."""


def query_site(follower: Follower, query: bytes) -> ServedSite:
    """The site in `?site=`, which is optional if there is only one site.

    Raises:
        RequestError: 400, `site` is missing although there are several sites, or 404, the site is unknown.
    """
    names = sorted(site.name for site in follower.sites.values())
    values = _parse(query, keep_blank_values=False).get("site")
    if values is None and len(names) == 1:
        values = names
    if values is None:
        raise RequestError.invalid(Problem("site", f"Missing site. Add ?site= with {_one_of(names)}."))
    site = follower.site_named(values[0])
    if site is None:
        raise RequestError(404, "not_found", f"site: Unknown site {values[0][:80]!r}. Use {_one_of(names)}.")
    return site


def query_flag(query: bytes, name: str) -> bool:
    """Whether the query has `?name=true`. The default is false.

    Raises:
        RequestError: 400, the value is neither true nor false.
    """
    value = query_text(query, name, "false")
    if value not in ("true", "false"):
        raise RequestError.invalid(Problem(name, f"Expected true or false, found {value[:20]!r}."))
    return value == "true"


def query_text(query: bytes, name: str, default: str = "") -> str:
    """The last value of a parameter."""
    return _parse(query, keep_blank_values=True).get(name, [default])[-1]


def _parse(query: bytes, keep_blank_values: bool) -> dict[str, list[str]]:
    try:
        return parse_qs(query.decode("latin-1"), keep_blank_values, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        message = f"Expected at most {MAX_FIELDS} parameters, found more."
        raise RequestError.invalid(Problem("query", message)) from error


def _one_of(names: list[str]) -> str:
    return f"one of: {', '.join(names)}" if names else "a site that this server serves"
