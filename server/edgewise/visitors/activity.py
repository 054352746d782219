"""Activities: what a visitor did, reduced to what a profile keeps of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from edgewise.types import Digest, Milliseconds
from edgewise.visitors.browser import UNKNOWN, Browser, device_type
from edgewise.visitors.clock import find_zone, part_of_day
from edgewise.visitors.counted_orders import OrderKey
from edgewise.visitors.message import Kind, Message, MessageContext, Properties
from edgewise.visitors.products import Commerce, read_commerce
from edgewise.visitors.sources import Source, find_source
from edgewise.visitors.vocabulary import read_device, read_locale

_PAGE_KINDS = ("page", "screen")
_NO_PROPERTIES = Properties()


class Surroundings(NamedTuple):
    """The device, language, time zone and part of the day of a message. None if the message does not have them."""

    device: str | None = None
    locale: str | None = None
    timezone: str | None = None
    part: str | None = None


NO_SURROUNDINGS = Surroundings()


class Activity(NamedTuple):
    """One thing that a visitor did.

    `at` is a time of the server's clock. `message` is the digest of the message id. `ids` are all ids that the message
    has for the visitor. `page` is the type or category of a viewed page. `seen` is what an impression showed: a
    placement and, if the message names it, the action. `by_server` is whether a server of the site sent the message.
    `order` identifies an order that counts once.
    """

    kind: Kind
    name: str | None
    at: Milliseconds
    message: Digest
    ids: tuple[Digest, ...] = ()
    commerce: Commerce | None = None
    page: str | None = None
    source: Source | None = None
    surroundings: Surroundings = NO_SURROUNDINGS
    traits: dict[str, Any] | None = None
    seen: tuple[str, ...] = ()
    by_server: bool = False
    order: OrderKey | None = None


def read_activity(
    message: Message,
    at: Milliseconds,
    digest: Digest,
    ids: tuple[Digest, ...],
    seen: tuple[str, ...] = (),
    browser: Browser = UNKNOWN,
    by_server: bool = False,
) -> Activity:
    """Read the activity of a message.

    `browser` gives the device and the language where the message's context does not.

    Raises:
        InvalidProperty: a property of an e-commerce event has the wrong type.
    """
    name = message.event if message.type == "track" else None
    if seen:
        return Activity("track", name, at, digest, ids, seen=seen)
    properties = message.properties or _NO_PROPERTIES
    is_page = message.type in _PAGE_KINDS
    return Activity(
        message.type,
        name,
        at,
        digest,
        ids,
        read_commerce(name, properties),
        _page_type(message, properties) if is_page else None,
        _source(message, properties if is_page else _NO_PROPERTIES, at),
        NO_SURROUNDINGS if message.context is None else _surroundings(message.context, at, browser),
        message.traits if message.type == "identify" else None,
        by_server=by_server,
    )


def _page_type(message: Message, properties: Properties) -> str | None:
    """The type of a page. Without one, the category or the name that Segment's page call has."""
    candidates = (properties.type, message.category, properties.category, message.name)
    return next((text for text in candidates if text and isinstance(text, str)), None)


def _source(message: Message, properties: Properties, at: Milliseconds) -> Source | None:
    context = message.context
    page, campaign = (None, None) if context is None else (context.page, context.campaign)
    if message.type not in _PAGE_KINDS and campaign is None:
        return None
    return find_source(
        _text(properties.url) or (page.url if page else None),
        _text(properties.path) or (page.path if page else None),
        _text(properties.referrer) or (page.referrer if page else None),
        {} if campaign is None else {"source": campaign.source, "medium": campaign.medium, "campaign": campaign.name},
        at,
    )


def _surroundings(context: MessageContext, at: Milliseconds, browser: Browser) -> Surroundings:
    device = read_device(context.device.type) if context.device is not None else None
    if not device and context.user_agent:
        device = device_type(context.user_agent.encode("utf-8", "replace")[:1024])
    zone = find_zone(context.timezone) if context.timezone else None
    part = None if zone is None else part_of_day(datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).hour)
    locale = read_locale(context.locale) or read_locale(browser.locale)
    return Surroundings(
        device or browser.device, None if locale is None else locale.tag, None if zone is None else zone.key, part
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
