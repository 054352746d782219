"""Open slots: what the fold remembers of one slot between its decision and its learning.

Long windows keep a million of them, so each is small. It has the decision as packed bytes, without the propensities,
which learning does not use. The garbage collector does not track the objects: they are part of no cycle.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Struct

from edgewise.bandit.model import ActionExamples
from edgewise.bandit.shape import Shape
from edgewise.entries import Decision, bit_map, positions
from edgewise.learner.token_table import Tokens, TokenTable
from edgewise.policies.policy import Policy, Reward
from edgewise.types import DecisionKey, Digest, LoggedGroup, Milliseconds, StreamId

MAX_REWARDS = 256
"""The most `$reward` messages of one slot. Later ones count as repeats."""


class LoadedVersion:
    """A policy version. `actions` are its actions as examples for learning."""

    __slots__ = ("_actions", "_shape", "policy")

    def __init__(self, shape: Shape, policy: Policy) -> None:
        self.policy = policy
        self._shape = shape
        self._actions: ActionExamples | None = None

    @property
    def actions(self) -> ActionExamples:
        if self._actions is None:
            self._actions = ActionExamples(self._shape, self.policy.actions)
        return self._actions

    def release(self) -> None:
        """Free the examples until they are used again."""
        self._actions = None


class DecisionHeading(Struct, frozen=True, array_like=True):
    """The first fields of a packed decision.

    `read_from` is the oldest decision that was open when this one was made, or its own id. Reading the log from there
    rebuilds everything that happened while this decision was open.
    """

    id: StreamId
    read_from: StreamId
    visitor: tuple[Digest, ...]


class PackedDecision(DecisionHeading, frozen=True, array_like=True):
    """The fields of a decision that the fold needs.

    `context` is in the form of a token table. `bits` is the bit map of the eligible actions, None for all.
    """

    group: LoggedGroup
    context: Tokens
    bits: bytes | None
    chosen: tuple[int, ...]

    @property
    def eligible(self) -> tuple[int, ...] | None:
        return None if self.bits is None else positions(self.bits)


class Credit(Struct, gc=False, eq=False):
    """The click and the values of a slot. `paid` has names of events, `rewarded` message ids of `$reward` messages."""

    clicked_at: Milliseconds | None = None
    values: tuple[float, ...] = ()
    paid: tuple[str, ...] = ()
    rewarded: tuple[Digest, ...] = ()


class OpenSlot(Struct, gc=False, eq=False):
    """One slot of an open decision. `seen_at` is None until it is seen, `credit` until there is any.

    `index` is its position among the decision's slots. A closed slot has no `packed` decision.
    """

    key: DecisionKey
    version: LoadedVersion
    tokens: TokenTable
    packed: bytes
    index: int
    deadline: Milliseconds
    seen_at: Milliseconds | None = None
    credit: Credit | None = None

    @property
    def closed(self) -> bool:
        return not self.packed

    @property
    def clicked_at(self) -> Milliseconds | None:
        return None if self.credit is None else self.credit.clicked_at

    @property
    def values(self) -> tuple[float, ...]:
        return () if self.credit is None else self.credit.values

    def heading(self) -> DecisionHeading:
        return _heading_decoder.decode(self.packed)

    def decision(self) -> PackedDecision:
        return _decoder.decode(self.packed)

    def context(self, decision: PackedDecision) -> str:
        """The context line of the slot's decision."""
        return self.tokens.unpack(decision.context)

    def click(self, happened: Milliseconds) -> None:
        """Note the first click."""
        credit = self._credit()
        if credit.clicked_at is None:
            credit.clicked_at = happened

    def pay(self, name: str, value: float | None, message: Digest) -> bool:
        """Add the value of an event. Returns False if it was paid before, or has no value in this policy."""
        reward: Reward = self.version.policy.reward
        if name == "$reward":
            credit = self.credit
            if value is None or (credit is not None and not _accepts(credit, message)):
                return False
            credit = self._credit()
            credit.rewarded += (message,)
            credit.values += (value,)
            return True
        if name not in reward.events or (self.credit is not None and name in self.credit.paid):
            return False
        credit = self._credit()
        credit.paid += (name,)
        credit.values += (reward.events[name],)
        return True

    def _credit(self) -> Credit:
        if self.credit is None:
            self.credit = Credit()
        return self.credit


OpenDecision: TypeAlias = tuple[OpenSlot, ...]
"""The slots of a decision, of which at least one is open."""


def open_slots(
    id: StreamId, read_from: StreamId, entry: Decision, version: LoadedVersion, tokens: TokenTable
) -> OpenDecision:
    """The slots of a new decision."""
    bits = None if entry.eligible is None else bit_map(entry.eligible)
    chosen = tuple(slot.chosen for slot in entry.slots)
    context = tokens.pack(entry.context)
    buffer = bytearray()
    _encoder.encode_into(PackedDecision(id, read_from, entry.visitor, entry.group, context, bits, chosen), buffer)
    packed = bytes(buffer)  # The encoder's own bytes would keep the larger block of memory in which they grew.
    deadline = id.ms + version.policy.reward.impression_within
    return tuple(OpenSlot(entry.key, version, tokens, packed, index, deadline) for index in range(len(chosen)))


def _accepts(credit: Credit, message: Digest) -> bool:
    return message not in credit.rewarded and len(credit.rewarded) < MAX_REWARDS


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PackedDecision)
_heading_decoder = msgspec.msgpack.Decoder(DecisionHeading)
