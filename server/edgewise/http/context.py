"""The context of a request as attributes: what conditions and features are read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from time import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from edgewise.http.limits import Bounds
from edgewise.http.requests import ContextBody, PageBody
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.clock import part_of_day
from edgewise.visitors.clock import zone as zone_of

MAX_DEPTH = 8
MAX_VALUES = 256
MAX_TEXT = 1024

_CAMPAIGN = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "campaign"}
_BOUNDS = Bounds("context.data", MAX_VALUES, MAX_DEPTH, MAX_TEXT)
_EMPTY = ContextBody()


def attributes_of(
    context: ContextBody | None,
    browser: Browser = UNKNOWN,
    now: datetime | None = None,
    country: bytes | None = None,
) -> dict[str, Any]:
    """The attributes, by namespace: page, device, place, locale, time and data; what is not known is left out.

    `browser` is the visitor's: it tells device and language where the context does not. `now` is when it is asked; by
    default it is now. `country` is where the visitor is, as a CDN says it in a header.

    Raises:
        RequestError: 400, `context.data` is too large or holds something other than JSON does.
    """
    context = context or _EMPTY
    attributes: dict[str, Any] = {}
    device = context.device.type if context.device is not None else None
    if device := device or browser.device:
        attributes["device"] = {"type": device}
    if context.page is not None:
        attributes["page"] = _page(context.page)
    if country and (code := _country(country)) is not None:
        attributes["place"] = {"country": code}
    if locale := context.locale or browser.locale:
        attributes["locale"] = _locale(locale)
    if context.timezone and (zone := zone_of(context.timezone)) is not None:
        attributes["time"] = _time(int(time() if now is None else now.timestamp()) // 60, zone)
    if context.data:
        _BOUNDS.check(context.data)
        attributes["data"] = context.data
    return attributes


def _page(page: PageBody) -> dict[str, str]:
    attributes = dict(_url(page.url)) if page.url else {}
    if page.path:
        attributes["path"] = page.path
    if page.type:
        attributes["type"] = page.type
    if page.referrer and (host := _host(page.referrer)):
        attributes["referrer"] = host
    return attributes


@lru_cache(maxsize=1024)
def _url(url: str) -> Mapping[str, str]:
    """What a page's address tells: itself, its path and its campaign. One that cannot be read tells only itself."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, max_num_fields=100) if "utm_" in parts.query else []
    except ValueError:
        return {"url": url}
    campaign = {_CAMPAIGN[name]: value for name, value in query if name in _CAMPAIGN}
    return {"url": url, "path": parts.path or "/", **campaign}


@lru_cache(maxsize=1024)
def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _country(said: bytes) -> str | None:
    """Two letters; XX is how CDNs say that they do not know."""
    code = said.decode("latin-1").strip().upper()
    return code if re.fullmatch(r"[A-Z]{2}", code) and code != "XX" else None


@lru_cache(maxsize=1024)
def _locale(tag: str) -> Mapping[str, str]:
    """Language and region of a tag such as `de-DE`, `zh-Hant-TW` or `en_US`."""
    language, *others = tag.replace("_", "-").split("-")
    region = next((part.upper() for part in others if re.fullmatch(r"[A-Za-z]{2}|[0-9]{3}", part)), None)
    return {"language": language.lower()} if region is None else {"language": language.lower(), "region": region}


@lru_cache(maxsize=1024)
def _time(minute: int, zone: ZoneInfo) -> Mapping[str, str | int]:
    """What a clock in this zone tells at a minute since the epoch."""
    now = datetime.fromtimestamp(minute * 60, zone)
    return {"hour": now.hour, "weekday": now.isoweekday(), "part": part_of_day(now.hour)}
