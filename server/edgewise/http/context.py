"""The attributes of a request's context, which conditions and features read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from time import time
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from edgewise.http.limits import Limits
from edgewise.http.requests import ContextBody, PageBody
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.clock import find_zone, part_of_day
from edgewise.visitors.readable_text import decode_host, decode_path, decode_url, read_path
from edgewise.visitors.sources import parse_campaign
from edgewise.visitors.vocabulary import read_country, read_device, read_locale

MAX_DEPTH = 8
MAX_VALUES = 256
MAX_TEXT = 1024

LONGEST_CACHED = 512
"""The longest text whose parts are cached. Longer ones, which strangers could send, would fill the memory."""

_DATA_LIMITS = Limits("context.data", MAX_VALUES, MAX_DEPTH, MAX_TEXT)
_EMPTY = ContextBody()


def attributes_of(
    context: ContextBody | None,
    browser: Browser = UNKNOWN,
    now: datetime | None = None,
    country: bytes | None = None,
) -> dict[str, Any]:
    """The attributes by namespace: page, device, place, locale, time and data. Unknown attributes are missing.

    Device and language of `browser` are defaults for those in the context. `now` defaults to the current time.
    `country` is the value of the header in which a CDN sends the visitor's country.

    Raises:
        RequestError: 400, `context.data` exceeds a limit.
    """
    context = context or _EMPTY
    attributes: dict[str, Any] = {}
    device = read_device(context.device.type) if context.device is not None else None
    if device := device or browser.device:
        attributes["device"] = {"type": device}
    if context.page is not None:
        attributes["page"] = _page(context.page)
    if country and (code := _country_code(country)) is not None:
        attributes["place"] = {"country": code}
    if (locale := _locale(context.locale) or _locale(browser.locale)) is not None:
        attributes["locale"] = locale
    if context.timezone and (zone := find_zone(context.timezone)) is not None:
        attributes["time"] = _local_time(int(time() if now is None else now.timestamp()) // 60, zone)
    if context.data:
        _DATA_LIMITS.check(context.data)
        attributes["data"] = context.data
    return attributes


def _page(page: PageBody) -> dict[str, str]:
    attributes = dict((_url if len(page.url) <= LONGEST_CACHED else _parse_url)(page.url)) if page.url else {}
    if page.path:
        attributes["path"] = read_path(page.path)
    if page.type:
        attributes["type"] = page.type
    if page.referrer and (host := (_host if len(page.referrer) <= LONGEST_CACHED else _parse_host)(page.referrer)):
        attributes["referrer"] = host
    return attributes


def _parse_url(url: str) -> Mapping[str, str]:
    """The URL with its path and campaign, or alone if it is malformed."""
    try:
        parts = urlsplit(url)
        campaign = parse_campaign(parts.query)
    except ValueError:
        return {"url": url}
    return {"url": decode_url(url), "path": decode_path(parts.path) or "/", **campaign}


def _parse_host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host and decode_host(host)


_url = lru_cache(maxsize=1024)(_parse_url)
_host = lru_cache(maxsize=1024)(_parse_host)


def _country_code(header: bytes) -> str | None:
    return read_country(header.decode("latin-1")) if len(header) <= 64 else None


@lru_cache(maxsize=1024)
def _locale(tag: str | None) -> Mapping[str, str] | None:
    """Language and region of a tag."""
    locale = read_locale(tag)
    if locale is None:
        return None
    return {"language": locale.language} | ({} if locale.region is None else {"region": locale.region})


@lru_cache(maxsize=1024)
def _local_time(minute: int, zone: ZoneInfo) -> Mapping[str, str | int]:
    """Hour, weekday and part of the day in a zone. `minute` counts from the epoch."""
    now = datetime.fromtimestamp(minute * 60, zone)
    return {"hour": now.hour, "weekday": now.isoweekday(), "part": part_of_day(now.hour)}
