"""Acts: what a message says of the visitor, as far as a profile remembers it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from edgewise.types import Digest, Milliseconds
from edgewise.visitors.activity import NOWHERE, Act, Surroundings
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.clock import part_of_day
from edgewise.visitors.clock import zone as zone_of
from edgewise.visitors.device import device_type
from edgewise.visitors.message import Message, MessageContext, Properties
from edgewise.visitors.products import commerce
from edgewise.visitors.sources import Source, source_of

_NO_PROPERTIES = Properties()


def act_of(
    message: Message,
    at: Milliseconds,
    digest: Digest,
    ids: tuple[Digest, ...],
    seen: tuple[str, ...] = (),
    browser: Browser = UNKNOWN,
) -> Act:
    """The act of this message, which happened at a time of the server's clock; `digest` stands for the message.

    `seen` is what a reserved event says was seen. `browser` is the one that sent it: it tells device and language where
    the message's context does not.

    Raises:
        WrongProperty: a property of an e-commerce event is of the wrong type.
    """
    name = message.event if message.type == "track" else None
    if seen:
        return Act("track", name, at, digest, ids, seen=seen)
    properties = message.properties or _NO_PROPERTIES
    viewed = message.type in ("page", "screen")
    return Act(
        message.type,
        name,
        at,
        digest,
        ids,
        commerce(name, properties),
        _page(message, properties) if viewed else None,
        _source(message, properties if viewed else _NO_PROPERTIES, at),
        NOWHERE if message.context is None else _surroundings(message.context, at, browser),
        message.traits if message.type == "identify" else None,
    )


def _page(message: Message, properties: Properties) -> str | None:
    """What kind of page it was: its type, else the category or the name that Segment's call has."""
    told = (properties.type, message.category, properties.category, message.name)
    return next((text for text in told if text and isinstance(text, str)), None)


def _source(message: Message, properties: Properties, at: Milliseconds) -> Source | None:
    context = message.context
    page, campaign = (None, None) if context is None else (context.page, context.campaign)
    if message.type not in ("page", "screen") and campaign is None:
        return None
    return source_of(
        _text(properties.url) or (page.url if page else None),
        _text(properties.path) or (page.path if page else None),
        _text(properties.referrer) or (page.referrer if page else None),
        {} if campaign is None else {"source": campaign.source, "medium": campaign.medium, "name": campaign.name},
        at,
    )


def _surroundings(context: MessageContext, at: Milliseconds, browser: Browser) -> Surroundings:
    device = context.device.type if context.device is not None else None
    if not device and context.user_agent:
        device = device_type(context.user_agent.encode("utf-8", "replace")[:1024])
    zone = zone_of(context.timezone) if context.timezone else None
    part = None if zone is None else part_of_day(datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).hour)
    return Surroundings(
        device or browser.device, context.locale or browser.locale, context.timezone if zone else None, part
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
