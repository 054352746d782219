"""What the query of a server's call names."""

from __future__ import annotations

from urllib.parse import parse_qs

from edgewise.errors import Problem, RequestError
from edgewise.serving.follower import Follower
from edgewise.serving.served import ServedSite


def named_site(follower: Follower, query: bytes) -> ServedSite:
    """The site that `?site=` names; it may be left out when there is only one.

    Raises:
        RequestError: 400, none is named and there are several; 404, it is not served.
    """
    names = sorted(site.name for site in follower.sites.values())
    asked = parse_qs(query.decode("latin-1")).get("site")
    if asked is None and len(names) == 1:
        asked = names
    if asked is None:
        message = f"found no site named, expected one of {', '.join(names)}"
        raise RequestError(400, "invalid_request", f"?site=: {message}", [Problem("site", message)])
    site = follower.site_named(asked[0])
    if site is None:
        raise RequestError(
            404, "not_found", f"?site=: found one that is not served, expected one of {', '.join(names)}"
        )
    return site


def named_switch(query: bytes, name: str) -> bool:
    """Whether `?name=true`; it is off when it is left out.

    Raises:
        RequestError: 400, it is neither true nor false.
    """
    said = named_text(query, name, "false")
    if said not in ("true", "false"):
        message = f"found {said[:20]!r}, expected true or false"
        raise RequestError(400, "invalid_request", f"?{name}=: {message}", [Problem(name, message)])
    return said == "true"


def named_text(query: bytes, name: str, default: str = "") -> str:
    """What `?name=` says, the last time that it does."""
    return parse_qs(query.decode("latin-1"), keep_blank_values=True).get(name, [default])[-1]
