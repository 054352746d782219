"""The bodies of requests, as types: what may be sent to `/v1/decide` and `/v1/batch`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar, cast, get_args

import msgspec
from msgspec import Meta, Raw, Struct

from edgewise.decisions.preview_token import LONGEST
from edgewise.errors import Problem, RequestError
from edgewise.events.recorder import Rejection
from edgewise.http.batch_recovery import messages_apart, packed_messages_apart
from edgewise.http.content import JSON, Format
from edgewise.http.limits import Bounds
from edgewise.types import Consent
from edgewise.visitors.message import NO_NUL, Id, Kind, Message

MAX_PLACEMENTS = 50
MAX_MESSAGES = 500
MAX_MESSAGE_BYTES = 32 * 1024

_BOUNDS = Bounds("", values=1000, depth=16, text=MAX_MESSAGE_BYTES)
"""Of a message as a whole, so of what nobody here looks at, too."""

T = TypeVar("T")

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256, pattern=NO_NUL)]
Word: TypeAlias = Annotated[str, Meta(max_length=256)]
Url: TypeAlias = Annotated[str, Meta(max_length=8192)]


class PlacementBody(Struct, frozen=True, rename="camel"):
    """One placement that is asked for. `exclude` holds ids of actions that are not wanted.

    `action` is shown whatever the policy says, if the call's `preview` is a token for it or for debugging; without one,
    it is not looked at.
    """

    id: Name
    slots: Annotated[int, Meta(ge=1, le=100)] | None = None
    exclude: Annotated[tuple[Word, ...], Meta(max_length=1000)] = ()
    action: Name | None = None


class PageBody(Struct, frozen=True, rename="camel"):
    """The page on which the visitor is."""

    url: Url | None = None
    path: Url | None = None
    type: Word | None = None
    referrer: Url | None = None


class DeviceBody(Struct, frozen=True, rename="camel"):
    """The visitor's device; told from the User-Agent where it is not given."""

    type: Word | None = None


class ContextBody(Struct, frozen=True, rename="camel"):
    """What is known at the moment of asking."""

    page: PageBody | None = None
    device: DeviceBody | None = None
    locale: Word | None = None
    timezone: Word | None = None
    data: dict[str, Any] | None = None


class DecideBody(Struct, frozen=True, rename="camel"):
    """The body of `POST /v1/decide`."""

    placements: Annotated[tuple[Name | PlacementBody, ...], Meta(max_length=MAX_PLACEMENTS)]
    write_key: Word | None = None
    anonymous_id: Id | None = None
    user_id: Id | None = None
    context: ContextBody | None = None
    consent: Consent | None = None
    preview: Annotated[str, Meta(max_length=LONGEST)] | None = None


class PreviewBody(Struct, frozen=True, rename="camel"):
    """The body of `POST /v1/previews`: which action to show in which placement, and for how long, at most 30 days.

    With `debug` and without these two: any action of the site, and how its decisions are made.
    """

    placement: Name | None = None
    action: Name | None = None
    debug: bool = False
    valid_seconds: Annotated[int, Meta(ge=1, le=30 * 86400)] = 3600
    write_key: Word | None = None


class BatchBody(Struct, frozen=True, rename="camel"):
    """The body of `POST /v1/batch`. Each message is read on its own, so that a bad one spoils no other."""

    batch: list[Raw]
    write_key: Word | None = None
    sent_at: datetime | None = None
    consent: Consent | None = None


class SingleBody(Struct, frozen=True, rename="camel"):
    """What a message carries beside itself when it comes alone, as to `POST /v1/track`."""

    write_key: Word | None = None
    sent_at: datetime | None = None
    consent: Consent | None = None


class ProfileBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of `PUT /v1/profiles/{id}`: traits that are texts, numbers, true or false; null forgets one."""

    traits: dict[str, Any]


class Reader(Generic[T]):
    """Reads what is of one type, in either format; errors call it `what`."""

    def __init__(self, type: type[T], what: str = "body") -> None:
        self._what = what
        self._decode = {
            "json": msgspec.json.Decoder(type).decode,
            "msgpack": msgspec.msgpack.Decoder(type).decode,
        }

    def read(self, body: bytes | Raw, format: Format) -> T:
        """What these bytes say.

        Raises:
            RequestError: 400, the bytes are not of this format or not of this type.
        """
        try:
            return self._decode[format.name](body)
        except msgspec.ValidationError as error:
            problem = _problem(error)
            said = f"{problem.path}: {problem.message}" if problem.path else problem.message
            raise RequestError(400, "invalid_request", said, [problem]) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RequestError(400, "malformed_body", f"{self._what}: expected {format.name}: {error}") from error
        except RecursionError as error:
            raise RequestError(400, "malformed_body", f"{self._what}: found it nested too deeply") from error


def read_batch(body: bytes, format: Format) -> BatchBody:
    """A batch. A message that is broken or nested too deeply does not spoil the others: they are told apart.

    Raises:
        RequestError: 400, the bytes are not of this format or no batch.
    """
    try:
        return _batch.read(body, format)
    except RequestError as error:
        if error.code != "malformed_body":
            raise
        apart = messages_apart(body) if format is JSON else packed_messages_apart(body)
        if apart is None:
            raise
        envelope, messages = apart
        return msgspec.structs.replace(_batch.read(envelope, format), batch=[Raw(message) for message in messages])


def read_messages(batch: Sequence[bytes | Raw], format: Format) -> tuple[list[tuple[int, Message]], list[Rejection]]:
    """The messages of a batch, each with its place in it, and those that are none."""
    messages, rejections = [], []
    for index, raw in enumerate(batch):
        try:
            messages.append((index, read_message(raw, format)))
        except RequestError as error:
            rejections.append(Rejection(index, "invalid_message", error.message))
    return messages, rejections


def read_message(raw: bytes | Raw, format: Format, kind: Kind | None = None) -> Message:
    """One message. `kind` is what it must be, if it says so at all; by default it must say what it is.

    Raises:
        RequestError: 400, the bytes are no message, or too many.
    """
    size = memoryview(raw).nbytes
    if size > MAX_MESSAGE_BYTES:
        message = f"message: found {size} bytes, expected at most {MAX_MESSAGE_BYTES}"
        raise RequestError(400, "invalid_request", message)
    found = (_any_message if kind is None else _messages[kind]).read(raw, format)
    _BOUNDS.check(_anything.read(raw, format))
    return found


def message_type(kind: Kind) -> type[Message]:
    """The type of a message that need not say its kind, because the path does."""
    fields = [("type", Literal[kind], kind)]
    return cast(
        "type[Message]", msgspec.defstruct(f"{kind.capitalize()}Message", fields, bases=(Message,), frozen=True)
    )


def _problem(error: msgspec.ValidationError) -> Problem:
    """msgspec says "Expected `str`, got `int` - at `$.placements[0].id`"."""
    message, _, where = str(error).rpartition(" - at ")
    if not message:
        return Problem("", where)
    return Problem(where.replace("`", "").replace("$.", "").replace("$", ""), message)


_batch = Reader(BatchBody)
_anything: Reader[Any] = Reader(Any, "message")
_any_message = Reader(Message, "message")
_messages = {kind: Reader(message_type(kind), "message") for kind in get_args(Kind)}
