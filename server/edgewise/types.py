"""The words that every room shares, as types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

Attributes: TypeAlias = Mapping[str, Any]
"""What conditions and features are read from: nested mappings, addressed by dotted paths."""

Condition: TypeAlias = Mapping[str, Any]
"""A targeting condition as written in a policy file (MongoDB-style operators)."""

Digest: TypeAlias = bytes
"""Eight bytes that stand for something: a policy version, a model's shape, a visitor's id, a message id."""

DecisionKey: TypeAlias = bytes
"""The random bytes inside a decision id. They identify the decision in the log and seed its draw."""

DECISION_KEY_BYTES = 12

Milliseconds: TypeAlias = int
"""A span of time, or a time since the epoch on the store's clock."""


Consent: TypeAlias = Literal["granted", "pending", "denied"]
"""What a visitor said to being remembered. Pending counts as denied until they say."""

ConsentMode: TypeAlias = Literal["assumed", "required"]
"""What a site takes silence for: consent, or none yet."""

Robots: TypeAlias = Literal["ignore", "learn"]
"""What a site does with the calls of robots: answer them and no more, or treat them as visitors."""


Span: TypeAlias = Literal["session", "day", "visitor"]
"""For how long it is remembered what a visitor was shown."""

SPANS: tuple[Span, ...] = ("session", "day", "visitor")


class Webhook(NamedTuple):
    """Who is told when a visitor newly meets a condition, and after how long without an act of theirs.

    `secret` signs the messages; `$NAME` stands for that environment variable. Never log it.
    """

    name: str
    url: str
    when: Condition
    secret: str
    after: Milliseconds = 0


FeatureValue: TypeAlias = str | bool | int | float | tuple[str | bool | int | float, ...]
"""The value of an action's feature, as a policy file gives it."""


class PolicyRef(NamedTuple):
    """Names one policy: a placement of a site. Each has one log, one model and one checkpoint."""

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
"""Before every entry of any log."""


USER_BIT = 0x80
"""The first bit of a visitor's digest says whether the id is a user's or an anonymous one."""


def is_user(visitor: Digest) -> bool:
    """Whether this stands for a user's id."""
    return bool(visitor[0] & USER_BIT)
