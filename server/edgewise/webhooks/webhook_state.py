"""The stored webhook state of one visitor: met conditions, pending conditions and queued messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from edgewise.ids.visitor import VisitorIds
from edgewise.types import Milliseconds

_MET, _PENDING = b"h:", b"d:"


class QueuedMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message in a visitor's queue. `body` is its JSON. `first_tried_at` is 0 before the first attempt."""

    id: str
    webhook: str
    body: bytes
    not_before: Milliseconds = 0
    first_tried_at: Milliseconds = 0
    attempts: int = 0
    problem: str = ""

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)


class PendingCondition(msgspec.Struct, frozen=True, array_like=True):
    """A condition that holds, and must still hold at the time `due`."""

    due: Milliseconds
    ids: VisitorIds

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)


class PendingField(NamedTuple):
    """A field of the state with a pending condition, decoded and as it is stored."""

    webhook: str
    field: bytes
    stored: bytes
    condition: PendingCondition


decode_message = msgspec.msgpack.Decoder(QueuedMessage).decode
decode_pending = msgspec.msgpack.Decoder(PendingCondition).decode


def met_field(webhook: str) -> bytes:
    """The field of a webhook's condition: `1` if the visitor meets it, `0` if the visitor does not any more."""
    return _MET + webhook.encode()


def pending_field(webhook: str) -> bytes:
    return _PENDING + webhook.encode()


def is_pending_field(field: bytes) -> bool:
    return field.startswith(_PENDING)


def read_met(state: Mapping[bytes, bytes]) -> Iterator[tuple[str, bool]]:
    """Yield each webhook whose condition the visitor met, and whether the visitor still meets it."""
    for field, value in state.items():
        if field.startswith(_MET):
            yield field[len(_MET) :].decode(), value == b"1"


def read_pending(state: Mapping[bytes, bytes]) -> Iterator[PendingField]:
    for field, value in state.items():
        if is_pending_field(field):
            yield PendingField(field[len(_PENDING) :].decode(), field, value, decode_pending(value))
