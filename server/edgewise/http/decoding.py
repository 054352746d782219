"""Decoding of request bodies into their types, with errors that name the wrong value."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

from edgewise.config.toml_file import find_wide_encoding
from edgewise.errors import Problem, RequestError
from edgewise.events.recorder import Rejection, reject_after
from edgewise.http.batch_recovery import split_json_batch, split_msgpack_batch
from edgewise.http.content import JSON, Format
from edgewise.http.decode_cost import CostlyValue, check_json_cost, check_msgpack_cost
from edgewise.http.decode_errors import problem_of
from edgewise.http.limits import Limits
from edgewise.http.requests import BatchBody, ShortText, message_type
from edgewise.visitors.message import Kind, Message

MAX_MESSAGE_BYTES = 32 * 1024
MAX_MESSAGE_VALUES = 1000
MAX_MESSAGE_DEPTH = 16

_MESSAGE_LIMITS = Limits("", MAX_MESSAGE_VALUES, MAX_MESSAGE_DEPTH, MAX_MESSAGE_BYTES)
"""For all fields of a message, including those that Edgewise does not read."""

T = TypeVar("T")


class BodyDecoder(Generic[T]):
    """Decodes one type from either format.

    `name` is what errors call the input. `has_any` is whether the type has values of any type, whose cost is checked.
    """

    def __init__(self, type: type[T], name: str = "body", has_any: bool = False) -> None:
        self._name = name
        self._has_any = has_any
        self._decode = {
            "json": msgspec.json.Decoder(type).decode,
            "msgpack": msgspec.msgpack.Decoder(type).decode,
        }

    def decode(self, body: bytes, format: Format) -> T:
        """
        Raises:
            RequestError: 400, the bytes are malformed or do not match the type.
        """
        try:
            if self._has_any:
                if format is JSON:
                    check_json_cost(body)
                else:
                    check_msgpack_cost(body)
            return self._decode[format.name](body)
        except CostlyValue as error:
            raise RequestError.invalid(Problem(self._name, str(error))) from error
        except msgspec.ValidationError as error:
            raise RequestError.invalid(problem_of(error)) from error
        except RecursionError as error:
            raise self._malformed(format, "nested too deeply") from error
        except ValueError as error:  # Also of msgspec and msgpack.
            reason = _other_encoding(body) if format is JSON else None
            raise self._malformed(format, reason or str(error).rpartition("malformed: ")[2].rstrip(".")) from error

    def _malformed(self, format: Format, reason: str) -> RequestError:
        name = "JSON" if format is JSON else "MessagePack"
        return RequestError(400, "malformed_body", f"{self._name}: Malformed {name}: {reason}.")


def _other_encoding(body: bytes) -> str | None:
    """A description of the encoding of a text that is not plain UTF-8, as some programs on Windows write it."""
    if body.startswith(codecs.BOM_UTF8):
        return "it begins with a byte-order mark. Send UTF-8 without one"
    encoding = find_wide_encoding(body)
    return None if encoding is None else f"it is {encoding}. Send UTF-8"


class _KeyBody(Struct, frozen=True, rename="camel"):
    """Every body that browsers send."""

    write_key: ShortText | None = None


_key_decoder = BodyDecoder(_KeyBody)
_batch_decoder = BodyDecoder(BatchBody)
_any_decoder: BodyDecoder[Any] = BodyDecoder(Any, "message", has_any=True)
_message_decoder = BodyDecoder(Message, "message")
_decoders_by_kind = {kind: BodyDecoder(message_type(kind), "message") for kind in get_args(Kind)}


def decode_write_key(body: bytes, format: Format) -> str | None:
    """The `writeKey` of a body. The rest is skipped, which takes a few milliseconds for the largest body.

    Raises:
        RequestError: 400, the body is malformed.
    """
    return _key_decoder.decode(body, format).write_key


class BatchReader:
    """Reads one batch, but does not decode its messages. One malformed message does not affect the others."""

    def __init__(self) -> None:
        self._split: tuple[bytes, list[bytes]] | None = None

    def read_key(self, body: bytes, format: Format) -> str | None:
        """The `writeKey` of the batch.

        Raises:
            RequestError: 400, the body is malformed outside of its messages.
        """
        try:
            return decode_write_key(body, format)
        except RequestError as error:
            self._split = _split(body, format) if error.code == "malformed_body" else None
            if self._split is None:
                raise
            return decode_write_key(self._split[0], format)

    def decode(self, body: bytes, format: Format) -> BatchBody:
        """
        Raises:
            RequestError: 400, the body is malformed outside of its messages, or is not a batch.
        """
        if self._split is None:
            try:
                return _batch_decoder.decode(body, format)
            except RequestError as error:
                self._split = _split(body, format) if error.code == "malformed_body" else None
                if self._split is None:
                    raise
        envelope, messages = self._split
        batch = _batch_decoder.decode(envelope, format)
        return msgspec.structs.replace(batch, batch=[Raw(message) for message in messages])


def _split(body: bytes, format: Format) -> tuple[bytes, list[bytes]] | None:
    return split_json_batch(body) if format is JSON else split_msgpack_batch(body)


def decode_messages(
    batch: Sequence[bytes | Raw], format: Format, first: int = 0
) -> tuple[list[tuple[int, Message]], list[Rejection]]:
    """The valid messages of a batch with their indexes, and the rejections of the others.

    `first` is the index of the first message.
    """
    messages, rejections = [], []
    for index, raw in enumerate(batch, first):
        try:
            messages.append((index, decode_message(raw, format)))
        except RequestError as error:
            rejections.append(Rejection(index, "invalid_message", error.message))
        except Exception as fault:  # noqa: BLE001  # One message must not affect the others.
            rejections.append(reject_after(fault, index))
    return messages, rejections


def decode_message(raw: bytes | Raw, format: Format, kind: Kind | None = None) -> Message:
    """Decode one message. With a `kind`, its `type` is optional, and must be this kind.

    Raises:
        RequestError: 400, the message is malformed, invalid or too large.
    """
    size = memoryview(raw).nbytes
    if size > MAX_MESSAGE_BYTES:
        message = f"message: Expected at most {MAX_MESSAGE_BYTES} bytes, found {size}."
        raise RequestError(400, "invalid_request", message)
    # The limits come first, because the type has values of any type.
    content = bytes(raw)
    _MESSAGE_LIMITS.check(_any_decoder.decode(content, format))
    return (_message_decoder if kind is None else _decoders_by_kind[kind]).decode(content, format)
