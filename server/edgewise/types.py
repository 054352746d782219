"""Types that every room shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

Attributes: TypeAlias = Mapping[str, Any]
"""Nested mappings that conditions and features read by dotted paths."""

Condition: TypeAlias = Mapping[str, Any]
"""A targeting condition as written in a policy file (MongoDB-style operators)."""

Digest: TypeAlias = bytes
"""Eight bytes that identify a policy version, a model's shape, a visitor's id or a message id."""

DecisionKey: TypeAlias = bytes
"""The random bytes inside a decision id. They identify the decision in the log and seed its draw."""

DECISION_KEY_BYTES = 12

Milliseconds: TypeAlias = int
"""A span of time, or a time since the epoch on the store's clock."""


Consent: TypeAlias = Literal["granted", "pending", "denied"]
"""A visitor's consent. Pending counts as denied until the visitor answers."""

ConsentMode: TypeAlias = Literal["assumed", "required"]
"""Whether a visitor's silence counts as consent."""

IdentityMode: TypeAlias = Literal["verified", "trusted"]
"""Whether a browser must prove a user id by a hash, or is believed."""

Robots: TypeAlias = Literal["ignore", "learn"]
"""Whether a site ignores robots after answering them, or learns from them as from visitors."""


Span: TypeAlias = Literal["session", "day", "visitor"]
"""How long exposure is remembered."""

SPANS: tuple[Span, ...] = ("session", "day", "visitor")


LoggedGroup: TypeAlias = Literal["policy", "control", "pinned"]
"""How a logged decision was made: drawn by the policy, the baseline of the control group, or a pin."""

Group: TypeAlias = Literal[LoggedGroup, "fallback", "preview", "none"]
"""How any result was made. The additional groups are never logged."""


NotShownReason: TypeAlias = Literal["late", "moved", "timeout"]
"""Why a page kept the default content of a placement, as the browser SDK names it in `Rendered`."""

NOT_SHOWN_REASONS: tuple[NotShownReason, ...] = ("late", "moved", "timeout")


class Webhook(NamedTuple):
    """A receiver of messages about visitors who newly meet a condition. `after` is how long they must be quiet first.

    `secret` signs the messages. `$NAME` is the value of that environment variable. Never log it.
    """

    name: str
    url: str
    when: Condition
    secret: str
    after: Milliseconds = 0


FeatureValue: TypeAlias = str | bool | int | float | tuple[str | bool | int | float, ...]
"""The value of an action's feature, as a policy file gives it."""


class PolicyRef(NamedTuple):
    """Identifies a policy by site and placement. Each policy has one log, one model and one checkpoint."""

    site: str
    placement: str


class StreamId(NamedTuple):
    """The id of a log entry: milliseconds on the store's clock, and a sequence number within the millisecond."""

    ms: int
    seq: int

    @classmethod
    def parse(cls, text: bytes | str) -> StreamId:
        ms, _, seq = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return cls(int(ms), int(seq))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


BEGINNING = StreamId(0, 0)
"""The position before every entry of a log."""


USER_BIT = 0x80
"""The first bit of a visitor's digest is set for user ids and clear for anonymous ids."""


def is_user(visitor: Digest) -> bool:
    """Whether this is the digest of a user id."""
    return bool(visitor[0] & USER_BIT)
