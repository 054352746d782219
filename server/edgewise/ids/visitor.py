"""Visitor ids as requests name them, and the 8-byte digests that replace them in the store."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from edgewise.types import USER_BIT, DecisionKey, Digest


class VisitorIds(NamedTuple):
    """The ids of one visitor, as requests named them."""

    anonymous_id: str | None = None
    user_id: str | None = None

    def updated_with(self, later: VisitorIds) -> VisitorIds:
        return VisitorIds(later.anonymous_id or self.anonymous_id, later.user_id or self.user_id)


def as_anonymous(digest: Digest) -> Digest:
    return bytes((digest[0] & ~USER_BIT,)) + digest[1:]


def as_user(digest: Digest) -> Digest:
    return bytes((digest[0] | USER_BIT,)) + digest[1:]


def anonymous_digest(anonymous_id: str) -> Digest:
    return as_anonymous(blake2b(anonymous_id.encode(), digest_size=8, person=b"anonymous").digest())


def user_digest(user_id: str) -> Digest:
    return as_user(blake2b(user_id.encode(), digest_size=8, person=b"user").digest())


def message_digest(message_id: str) -> Digest:
    return blake2b(message_id.encode(), digest_size=8, person=b"message").digest()


def unlinkable_message_digest(message_id: str, key: DecisionKey) -> Digest:
    """Digest a message id for one decision only. The same message id has another digest beside other decisions."""
    return blake2b(message_id.encode(), key=key, digest_size=8, person=b"untied").digest()


def order_digest(order: bytes, visitor: Digest) -> Digest:
    """Digest an order of one visitor. The same order id has another digest beside other visitors."""
    return blake2b(order, key=visitor, digest_size=8, person=b"order").digest()


def visitor_digests(anonymous_id: str | None, user_id: str | None) -> tuple[Digest, ...]:
    """The digests of the ids that are given, the anonymous one first."""
    anonymous = () if anonymous_id is None else (anonymous_digest(anonymous_id),)
    user = () if user_id is None else (user_digest(user_id),)
    return anonymous + user
