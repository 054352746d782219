"""The entries of a policy's log, and their bytes.

An entry is a msgpack array whose first element says its kind. Decisions are the many, so they are kept small: the
context as the one line that was scored, the eligible actions as a bit map over the version's actions (absent when all
are eligible), propensities as 32-bit floats.
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
    """What was drawn for one slot.

    `chosen` is an index into the version's actions. `propensities` has one value for each action that was still
    available in this slot (the eligible ones less those drawn for earlier slots, in the version's order); it is empty
    when nothing was drawn: the baseline was shown with probability 1.
    """

    chosen: int
    propensities: Sequence[float]


class Decision(NamedTuple):
    """One choice, as it was made. `eligible` is None when every action of the version was eligible."""

    key: DecisionKey
    version: Digest
    model_version: int
    group: LoggedGroup
    visitor: tuple[Digest, ...]
    context: str
    eligible: tuple[int, ...] | None
    slots: tuple[SlotChoice, ...]


class Outcome(NamedTuple):
    """What followed a decision, told with its decision id.

    `slot` is None when the sender named none. `value` is what a `$reward` is worth, None for every other name. `age`
    is how long before the entry it happened, corrected for the sender's clock.
    """

    key: DecisionKey
    slot: int | None
    name: str
    value: float | None
    age: Milliseconds
    message: Digest


class Event(NamedTuple):
    """What a visitor did, without a decision id: the fold finds the open decision that it pays."""

    visitor: tuple[Digest, ...]
    name: str
    age: Milliseconds
    message: Digest


class Version(NamedTuple):
    """From here on decisions may name this policy version; `shape` is what its model's shape depends on."""

    version: Digest
    shape: Digest


class Tick(NamedTuple):
    """Time passed while the log was quiet and something was due."""


class Cut(NamedTuple):
    """Everything that is open here is closed unlearned, because the log outgrew its byte limit."""


class Robot(NamedTuple):
    """A robot was answered: counted, and nothing is learned from it. There was a decision, but no one saw it."""


Entry: TypeAlias = Decision | Outcome | Event | Version | Tick | Cut | Robot


def encode(entry: Entry) -> bytes:
    """The bytes of an entry."""
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
                None if entry.eligible is None else _bit_map(entry.eligible),
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
    """The entry in these bytes.

    Raises:
        EntryError: the bytes are not an entry that this version knows.
    """
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
                None if eligible is None else _indices(eligible),
                tuple(SlotChoice(chosen, array("f", propensities)) for chosen, propensities in slots),
            )
        return _PLAIN[kind](*fields)
    except (ValueError, TypeError, KeyError, IndexError, msgpack.UnpackException) as error:
        raise EntryError(f"log entry of {len(data)} bytes is not a known entry: {error!r}") from error


_encoder = msgspec.msgpack.Encoder()

_PLAIN: dict[int, type[Outcome] | type[Event] | type[Version] | type[Tick] | type[Cut] | type[Robot]] = {
    _OUTCOME: Outcome,
    _EVENT: Event,
    _VERSION: Version,
    _TICK: Tick,
    _CUT: Cut,
    _ROBOT: Robot,
}


def _bit_map(indices: Sequence[int]) -> bytes:
    bits = 0
    for index in indices:
        bits |= 1 << index
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _indices(bit_map: bytes) -> tuple[int, ...]:
    bits = int.from_bytes(bit_map, "little")
    return tuple(index for index in range(bits.bit_length()) if bits >> index & 1)
