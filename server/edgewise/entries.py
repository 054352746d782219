"""The entries of a policy's log, and their bytes.

An entry is a MessagePack array. Its first element is the kind. Most entries are decisions, so they are kept small:

- The context is the one line that the model scored.
- The eligible actions are a bit map of the version's actions. It is missing if all are eligible.
- Propensities are 32-bit floats.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import msgpack
import msgspec

from edgewise.errors import EntryError
from edgewise.types import DecisionKey, Digest, LoggedGroup, Milliseconds

_GROUPS: tuple[LoggedGroup, ...] = ("policy", "control", "pinned")
_DECISION, _OUTCOME, _EVENT, _VERSION, _TICK, _CUT, _ROBOT = range(7)


class SlotChoice(NamedTuple):
    """The action of one slot. `chosen` is its position in the policy version.

    `propensities` has one value for each action that was available in this slot, in the version's order. Those are the
    eligible actions without the actions of earlier slots. It is empty for an action that was not drawn, such as the
    baseline or a pin. Its probability is 1.
    """

    chosen: int
    propensities: Sequence[float]


class Decision(NamedTuple):
    """A decision, as it is logged. The engine makes it, and its result is returned after the store has this entry.

    `visitor` has the digests of the visitor's ids. `eligible` is None if every action of the version was eligible.
    """

    key: DecisionKey
    version: Digest
    model_version: int
    group: LoggedGroup
    visitor: tuple[Digest, ...]
    context: str
    eligible: tuple[int, ...] | None
    slots: tuple[SlotChoice, ...]


class Outcome(NamedTuple):
    """An event that was sent with a decision id.

    `slot` is None if the sender named none. `value` is the reward of a `$reward`, and None for other events. `age` is
    the time from the event to this entry, corrected for the sender's clock. `message` is a digest of the message id.
    """

    key: DecisionKey
    slot: int | None
    name: str
    value: float | None
    age: Milliseconds
    message: Digest


class Event(NamedTuple):
    """An event of a visitor, without a decision id. The learner credits it to an open decision."""

    visitor: tuple[Digest, ...]
    name: str
    age: Milliseconds
    message: Digest


class Version(NamedTuple):
    """Later decisions may name this policy version. `shape` is the digest of its model's shape."""

    version: Digest
    shape: Digest


class Tick(NamedTuple):
    """A mark of time in a quiet log, so that due reward windows close."""


class Cut(NamedTuple):
    """All open decisions are closed here without learning, because the log reached its byte limit."""


class Robot(NamedTuple):
    """A robot got a decision. It is counted, and nothing is learned from it."""


Entry: TypeAlias = Decision | Outcome | Event | Version | Tick | Cut | Robot


_encoder = msgspec.msgpack.Encoder()

_PLAIN: dict[int, type[Outcome] | type[Event] | type[Version] | type[Tick] | type[Cut] | type[Robot]] = {
    _OUTCOME: Outcome,
    _EVENT: Event,
    _VERSION: Version,
    _TICK: Tick,
    _CUT: Cut,
    _ROBOT: Robot,
}


def encode(entry: Entry) -> bytes:
    match entry:
        case Decision():
            fields: tuple[Any, ...] = (
                _DECISION,
                entry.key,
                entry.version,
                entry.model_version,
                _GROUPS.index(entry.group),
                entry.visitor,
                entry.context,
                None if entry.eligible is None else bit_map(entry.eligible),
                [(slot.chosen, array("f", slot.propensities).tobytes()) for slot in entry.slots],
            )
        case Outcome():
            fields = (_OUTCOME, *entry)
        case Event():
            fields = (_EVENT, *entry)
        case Version():
            fields = (_VERSION, *entry)
        case Tick():
            fields = (_TICK,)
        case Cut():
            fields = (_CUT,)
        case Robot():
            fields = (_ROBOT,)
    return _encoder.encode(fields)


def decode(data: bytes) -> Entry:
    """Raises EntryError if the bytes are not an entry that this release knows."""
    try:
        kind, *fields = msgpack.unpackb(data, use_list=False)
        if kind == _DECISION:
            key, version, model_version, group, visitor, context, eligible, slots = fields
            return Decision(
                key,
                version,
                model_version,
                _GROUPS[group],
                visitor,
                context,
                None if eligible is None else positions(eligible),
                tuple(SlotChoice(chosen, array("f", propensities)) for chosen, propensities in slots),
            )
        return _PLAIN[kind](*fields)
    except (ValueError, TypeError, KeyError, IndexError, msgpack.UnpackException) as error:
        message = f"Unknown log entry of {len(data)} bytes. Check that all servers run one release. ({error!r})"
        raise EntryError(message) from error


def bit_map(positions: Sequence[int]) -> bytes:
    """Positions as bits, the first one in the lowest bit of the first byte."""
    bits = 0
    for position in positions:
        bits |= 1 << position
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def positions(bit_map: bytes) -> tuple[int, ...]:
    """The inverse of `bit_map`."""
    bits = int.from_bytes(bit_map, "little")
    return tuple(position for position in range(bits.bit_length()) if bits >> position & 1)
