"""Policy versions: the bytes of a policy, the digest that names them, and the compiled policy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from edgewise.conditions.compiler import compile_condition
from edgewise.conditions.validation import attributes_in
from edgewise.errors import PolicyError, Problem
from edgewise.policies.eligibility import Circumstances, Refusal, compile_rules
from edgewise.policies.policy import Policy
from edgewise.policies.segments import refers_to_segments
from edgewise.types import SPANS, Attributes, Digest, Span


def encode_policy(policy: Policy) -> bytes:
    """The policy as MessagePack with sorted keys. Files with the same meaning give the same bytes.

    Options that older releases did not have are left out while they have their default.
    """
    fields = msgspec.to_builtins(policy)
    if not policy.features.cross:
        del fields["features"]["cross"]
    return msgspec.msgpack.encode(fields, order="sorted")


def decode_policy(blob: bytes) -> Policy:
    """Raises PolicyError if the bytes are not a policy."""
    try:
        return msgspec.msgpack.decode(blob, type=Policy)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        path = f"policy version {version_of(blob).hex()}"
        message = f"Expected the bytes of a policy, found {len(blob)} other bytes. Publish the policy again. ({error})"
        raise PolicyError([Problem(path, message)]) from error


def version_of(blob: bytes) -> Digest:
    """The eight bytes that name a policy version. Answers and logs show them as 16 hexadecimal digits."""
    return hashlib.blake2b(blob, digest_size=8).digest()


class CompiledPolicy:
    """One policy version, compiled once and used in every decision.

    Actions are named by their position in the policy, here and in the log.

    - `index`: the position of each action id.
    - `payloads`: the actions' payloads, by position.
    - `baseline`: the positions of the baseline's actions.
    - `reads`: the attributes that the policy's conditions use, as dotted paths.
    - `uses_segments`: whether a condition or a feature uses the visitor's segments.
    - `spans`: the spans of time for which a decision needs the visitor's exposure.
    - `limited_actions`: the positions of actions with a cap or `not_after` events. They need the visitor's exposure.
    - `not_after`: the events that bar an action.
    """

    __slots__ = (
        "_checks",
        "_pins",
        "_positions",
        "baseline",
        "index",
        "limited_actions",
        "not_after",
        "payloads",
        "policy",
        "reads",
        "spans",
        "uses_segments",
        "version",
    )

    def __init__(self, policy: Policy, version: Digest | None = None) -> None:
        """`version` is given for a policy from the store, as an older release may have encoded it differently."""
        self.policy = policy
        self.version = version_of(encode_policy(policy)) if version is None else version
        self.index: Mapping[str, int] = {action.id: position for position, action in enumerate(policy.actions)}
        self.baseline = tuple(self.index[action_id] for action_id in policy.baseline)
        self.payloads: tuple[Mapping[str, Any], ...] = tuple(action.payload for action in policy.actions)
        self.reads = frozenset(
            attribute for condition, path in policy.conditions() for attribute, _, _ in attributes_in(condition, path)
        )
        self.uses_segments = "visitor" in policy.features.namespaces or any(map(refers_to_segments, self.reads))
        self.limited_actions = frozenset(
            position for position, action in enumerate(policy.actions) if action.cap is not None or action.not_after
        )
        self.not_after = frozenset(event for action in policy.actions for event in action.not_after)
        self.spans = _spans_of(policy)
        self._positions = frozenset(range(len(policy.actions)))
        self._checks = compile_rules(policy)
        self._pins = tuple(
            (self.index[pin.action], None if pin.when is None else compile_condition(pin.when)) for pin in policy.pins
        )

    @classmethod
    def from_blob(cls, blob: bytes) -> CompiledPolicy:
        """Compile a policy from its bytes.

        Raises:
            PolicyError: the bytes are not a policy.
        """
        return cls(decode_policy(blob), version_of(blob))

    def refusals(self, circumstances: Circumstances) -> dict[int, Refusal]:
        """The positions of the actions that may not be shown, each with the reason."""
        return {position: reason for reason, check in self._checks for position in check(circumstances)}

    def eligible(self, circumstances: Circumstances) -> tuple[int, ...] | None:
        """The positions of the actions that may be shown, in their order. None if all may be shown."""
        refused: set[int] = set()
        for _, check in self._checks:
            if positions := check(circumstances):
                refused.update(positions)
        return tuple(sorted(self._positions - refused)) if refused else None

    def pinned(self, attributes: Attributes, eligible: tuple[int, ...] | None) -> int | None:
        """The position of the action that the first applicable pin names. A pin needs an eligible action."""
        for position, holds in self._pins:
            if (eligible is None or position in eligible) and (holds is None or holds(attributes)):
                return position
        return None


def _spans_of(policy: Policy) -> tuple[Span, ...]:
    spans: set[str] = {action.cap.per for action in policy.actions if action.cap is not None}
    spans |= {policy.sticky} | {"visitor" for action in policy.actions if action.not_after}
    return tuple(span for span in SPANS if span in spans)
