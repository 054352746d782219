"""The types of request bodies. Their docstrings are the descriptions in /openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta, Raw, Struct

from edgewise.decisions.preview_token import MAX_LENGTH
from edgewise.types import Consent
from edgewise.visitors.message import NO_NUL, GivenId, Kind, Message, UserHash, unify_ids

MAX_ADDRESS = 8192
MAX_SHORT_TEXT = 256
MAX_PLACEMENTS = 50
MAX_SLOTS = 100
MAX_EXCLUDED = 1000
MAX_MESSAGES = 500

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_SHORT_TEXT, pattern=NO_NUL)]
ShortText: TypeAlias = Annotated[str, Meta(max_length=MAX_SHORT_TEXT)]
Url: TypeAlias = Annotated[str, Meta(max_length=MAX_ADDRESS)]


class PlacementBody(Struct, frozen=True, rename="camel"):
    """A placement to decide.

    `slots` is the number of slots to fill, at most that of the policy. `exclude` lists action ids that must not be
    shown. `action` forces an action, and needs a `preview` token for it. Without a token it is ignored.
    """

    id: Name
    slots: Annotated[int, Meta(ge=1, le=MAX_SLOTS)] | None = None
    exclude: Annotated[tuple[ShortText, ...], Meta(max_length=MAX_EXCLUDED)] = ()
    action: Name | None = None


class PageBody(Struct, frozen=True, rename="camel"):
    """The page that the visitor is on. Path and campaign default to those in `url`."""

    url: Url | None = None
    path: Url | None = None
    type: ShortText | None = None
    referrer: Url | None = None


class DeviceBody(Struct, frozen=True, rename="camel"):
    """The visitor's device. The type defaults to the one in the browser's User-Agent header."""

    type: ShortText | None = None


class ContextBody(Struct, frozen=True, rename="camel"):
    """The context of a decision. `data` holds values of your own, for conditions and for the model."""

    page: PageBody | None = None
    device: DeviceBody | None = None
    locale: ShortText | None = None
    timezone: ShortText | None = None
    data: dict[str, Any] | None = None


class DecideBody(Struct, frozen=True, rename="camel"):
    """The body of `POST /v1/decide`. A placement is an id, or an object with options.

    `writeKey` selects the site. From a browser, a `userId` counts only with its `userHash`. `preview` is a token from
    `POST /v1/previews`.
    """

    placements: Annotated[tuple[Name | PlacementBody, ...], Meta(max_length=MAX_PLACEMENTS)]
    write_key: ShortText | None = None
    anonymous_id: GivenId | None = None
    user_id: GivenId | None = None
    user_hash: UserHash | None = None
    context: ContextBody | None = None
    consent: Consent | None = None
    preview: Annotated[str, Meta(max_length=MAX_LENGTH)] | None = None

    def __post_init__(self) -> None:
        anonymous_id: Any = self.anonymous_id
        user_id: Any = self.user_id
        if type(anonymous_id) is int or type(user_id) is int:
            unify_ids(self, "anonymous_id", "user_id")


class PreviewBody(Struct, frozen=True, rename="camel"):
    """The body of `POST /v1/previews`.

    Set `placement` and `action` for a token that shows this action. Set only `debug` for a token that can show any
    action of the site and explains its decisions. The token is valid for `validSeconds`, at most 30 days.
    """

    placement: Name | None = None
    action: Name | None = None
    debug: bool = False
    valid_seconds: Annotated[int, Meta(ge=1, le=30 * 86400)] = 3600
    write_key: ShortText | None = None


class BatchBody(Struct, frozen=True, rename="camel"):
    """The body of `POST /v1/batch`. Each message is validated on its own, so an invalid one does not affect the others.

    `sentAt` is the client's clock when it sends the batch, and corrects the `timestamp` of each message.
    """

    batch: list[Raw]
    write_key: ShortText | None = None
    sent_at: datetime | None = None
    consent: Consent | None = None


class SingleBody(Struct, frozen=True, rename="camel"):
    """The fields that a single message, such as one to `POST /v1/track`, has in addition to those of the message."""

    write_key: ShortText | None = None
    sent_at: datetime | None = None
    consent: Consent | None = None


class ProfileBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of `PUT /v1/profiles/{id}`. A trait is a text, a number or a boolean. Null deletes a trait."""

    traits: dict[str, Any]


def message_type(kind: Kind) -> type[Message]:
    """The type of a message whose `type` is optional, because the path contains it."""
    fields = [("type", Literal[kind], kind)]
    return cast(
        "type[Message]", msgspec.defstruct(f"{kind.capitalize()}Message", fields, bases=(Message,), frozen=True)
    )
