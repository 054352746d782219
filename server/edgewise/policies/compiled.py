"""Policy versions: the canonical bytes of a policy, the digest that names them, and the version made ready to use."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from itertools import compress
from math import inf
from typing import Any

import msgspec

from edgewise.conditions.compiler import compile_condition, compile_conditions
from edgewise.conditions.validation import attributes_in
from edgewise.errors import PolicyError, Problem
from edgewise.policies.policy import Policy
from edgewise.policies.segments import refers_to_segments
from edgewise.types import SPANS, Attributes, Digest, Milliseconds, Span
from edgewise.wall_clock import now_ms


def encode_policy(policy: Policy) -> bytes:
    """The policy as msgpack with sorted keys: the same bytes for whatever files say the same."""
    return msgspec.msgpack.encode(policy, order="sorted")


def decode_policy(blob: bytes) -> Policy:
    """The policy in these bytes.

    Raises:
        PolicyError: the bytes are not a policy.
    """
    try:
        return msgspec.msgpack.decode(blob, type=Policy)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        where = f"policy version {version_of(blob).hex()}"
        raise PolicyError([Problem(where, f"found {len(blob)} bytes, expected a policy: {error}")]) from error


def version_of(blob: bytes) -> Digest:
    """The eight bytes that name a version; people see them as 16 hexadecimal digits."""
    return hashlib.blake2b(blob, digest_size=8).digest()


class CompiledPolicy:
    """One policy version, made ready to use: built once, asked in every decision.

    Actions are named by their position in the policy, here as in the log: `index` leads from an action's id to it,
    `payloads` are in its order, `baseline` holds such positions.
    `uses_segments` says whether it matters in which segments a visitor is, `spans` for which spans of time it must be
    known what a visitor was shown, `held` which actions cannot be shown where that is not known, `not_after` which
    events bar an action.
    """

    __slots__ = (
        "_conditioned",
        "_off",
        "_pins",
        "_positions",
        "_timed",
        "_unmet",
        "baseline",
        "held",
        "index",
        "not_after",
        "payloads",
        "policy",
        "reads",
        "spans",
        "uses_segments",
        "version",
    )

    def __init__(self, policy: Policy, version: Digest | None = None) -> None:
        """`version` is for a policy that was read from a blob: an older Edgewise may have encoded it differently."""
        self.policy = policy
        self.version = version_of(encode_policy(policy)) if version is None else version
        self.index: Mapping[str, int] = {action.id: position for position, action in enumerate(policy.actions)}
        self.baseline = tuple(self.index[action_id] for action_id in policy.baseline)
        self.payloads: tuple[Mapping[str, Any], ...] = tuple(action.payload for action in policy.actions)
        conditions = {
            position: action.when
            for position, action in enumerate(policy.actions)
            if action.when is not None and action.enabled
        }
        self._conditioned = tuple(conditions)
        self._unmet = compile_conditions({"$not": condition} for condition in conditions.values())
        self._off = frozenset(position for position, action in enumerate(policy.actions) if not action.enabled)
        self._timed = tuple(
            (position, -inf if action.starts is None else action.starts, inf if action.ends is None else action.ends)
            for position, action in enumerate(policy.actions)
            if action.starts is not None or action.ends is not None
        )
        self._pins = tuple(
            (self.index[pin.action], None if pin.when is None else compile_condition(pin.when)) for pin in policy.pins
        )
        self.reads = frozenset(
            attribute for condition, path in policy.conditions() for attribute, _, _ in attributes_in(condition, path)
        )
        self.uses_segments = "visitor" in policy.features.namespaces or any(map(refers_to_segments, self.reads))
        self.held = frozenset(
            position for position, action in enumerate(policy.actions) if action.cap is not None or action.not_after
        )
        self.not_after = frozenset(event for action in policy.actions for event in action.not_after)
        self.spans = _spans_of(policy)
        self._positions = range(len(policy.actions))

    @classmethod
    def from_blob(cls, blob: bytes) -> CompiledPolicy:
        """The version whose bytes these are.

        Raises:
            PolicyError: the bytes are not a policy.
        """
        return cls(decode_policy(blob), version_of(blob))

    def eligible(
        self,
        attributes: Attributes,
        exclude: Collection[str] = (),
        now: Milliseconds | None = None,
        barred: Collection[int] = (),
    ) -> tuple[int, ...] | None:
        """The positions of the actions that may be shown, in their order; None when all may.

        `exclude` holds ids of actions that the caller does not want, be they of the baseline; unknown ids are ignored.
        `now` is the time since the epoch, by default that of the clock. `barred` are positions of actions that this
        visitor is not to see (again). Never raises, whatever the attributes are.
        """
        unmet = self._unmet(attributes)
        refused = set(compress(self._conditioned, unmet)) if True in unmet else set()
        if barred:
            refused.update(barred)
        if self._off:
            refused |= self._off
        if self._timed:
            if now is None:
                now = now_ms()
            refused.update(position for position, starts, ends in self._timed if not starts <= now < ends)
        if exclude:
            refused.update(self.index[action_id] for action_id in exclude if action_id in self.index)
        if not refused:
            return None
        return tuple(position for position in self._positions if position not in refused)

    def pinned(self, attributes: Attributes, eligible: tuple[int, ...] | None) -> int | None:
        """The position of the action that the first pin that holds wants shown, of those that may be shown."""
        for position, holds in self._pins:
            if (eligible is None or position in eligible) and (holds is None or holds(attributes)):
                return position
        return None


def _spans_of(policy: Policy) -> tuple[Span, ...]:
    spans: set[str] = {action.cap.per for action in policy.actions if action.cap is not None}
    spans |= {policy.sticky} | {"visitor" for action in policy.actions if action.not_after}
    return tuple(span for span in SPANS if span in spans)
