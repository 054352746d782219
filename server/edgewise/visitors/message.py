"""A message: one event of a visitor, in the shape of Segment's HTTP Tracking API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr

Kind: TypeAlias = Literal["track", "page", "identify", "alias", "screen", "group"]

NO_NUL = "^[^\\u0000]*$"
"""A pattern for Python and JSON Schema. Text without a NUL, because many systems cut a text there."""

MAX_ID = 256
MAX_EVENT_NAME = 256

Id: TypeAlias = Annotated[str, Meta(max_length=MAX_ID, pattern=NO_NUL)]
UserHash: TypeAlias = Annotated[str, Meta(max_length=MAX_ID)]
"""The proof of a user id. A wrong one is no error: the id then does not count."""
if TYPE_CHECKING:
    GivenId: TypeAlias = Id
else:
    # Many clients send the number of a customer. `unify_ids` makes it a text before anybody sees it.
    GivenId = Id | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

EventName: TypeAlias = Annotated[str, Meta(max_length=MAX_EVENT_NAME, pattern=NO_NUL)]


class Properties(Struct, frozen=True, rename="camel", gc=False):
    """The properties that Edgewise reads. Each has any type, because the expected type depends on the event."""

    decision_id: Any = None
    placement: Any = None
    reason: Any = None
    slot: Any = None
    action: Any = None
    value: Any = None
    revenue: Any = None
    total: Any = None
    product_id: Any = field(default=None, name="product_id")
    sku: Any = None
    category: Any = None
    brand: Any = None
    price: Any = None
    quantity: Any = None
    products: Any = None
    type: Any = None
    url: Any = None
    path: Any = None
    referrer: Any = None
    order_id: Any = field(default=None, name="order_id")
    camel_order_id: Any = field(default=None, name="orderId")


class MessagePage(Struct, frozen=True, rename="camel"):
    """The page of the event."""

    url: str | None = None
    path: str | None = None
    referrer: str | None = None


class MessageCampaign(Struct, frozen=True, rename="camel"):
    """The campaign that brought the visitor."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None


class MessageDevice(Struct, frozen=True, rename="camel"):
    """The device of the event."""

    type: str | None = None


class MessageContext(Struct, frozen=True, rename="camel"):
    """The context that Edgewise reads. `consent` is a text of Edgewise. Segment sends an object there."""

    consent: Any = None
    page: MessagePage | None = None
    campaign: MessageCampaign | None = None
    device: MessageDevice | None = None
    locale: str | None = None
    timezone: str | None = None
    user_agent: str | None = None


class Message(Struct, frozen=True, rename="camel"):
    """One message. Only a `track` message has an `event`, the name of what happened.

    A message that is sent again with the same `message_id` is not counted twice. `timestamp` is a time of the sender's
    clock. `user_hash` proves `user_id`, if a browser sent the message.
    """

    type: Kind
    message_id: GivenId | None = None
    anonymous_id: GivenId | None = None
    user_id: GivenId | None = None
    previous_id: GivenId | None = None
    event: EventName | None = None
    name: Any = None
    category: Any = None
    properties: Properties | None = None
    traits: dict[str, Any] | None = None
    context: MessageContext | None = None
    timestamp: datetime | None = None
    user_hash: UserHash | None = None

    def __post_init__(self) -> None:
        unify_ids(self, "message_id", "anonymous_id", "user_id", "previous_id")


def unify_ids(body: Struct, *names: str) -> None:
    """Make texts of ids that were given as numbers: 4711 and "4711" are one visitor."""
    for name in names:
        id: Any = getattr(body, name)
        if type(id) is int:
            force_setattr(body, name, str(id))
