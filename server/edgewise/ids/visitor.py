"""Visitors in the log: eight bytes for each id, so that no id stands there in the clear."""

from __future__ import annotations

from hashlib import blake2b

from edgewise.types import USER_BIT, DecisionKey, Digest


def as_anonymous(digest: Digest) -> Digest:
    """The digest, marked as an anonymous id's."""
    return bytes((digest[0] & ~USER_BIT,)) + digest[1:]


def as_user(digest: Digest) -> Digest:
    """The digest, marked as a user id's."""
    return bytes((digest[0] | USER_BIT,)) + digest[1:]


def anonymous_digest(anonymous_id: str) -> Digest:
    """Stands for an anonymous id."""
    return as_anonymous(blake2b(anonymous_id.encode(), digest_size=8, person=b"anonymous").digest())


def user_digest(user_id: str) -> Digest:
    """Stands for a user id."""
    return as_user(blake2b(user_id.encode(), digest_size=8, person=b"user").digest())


def message_digest(message_id: str) -> Digest:
    """Stands for a message id."""
    return blake2b(message_id.encode(), digest_size=8, person=b"message").digest()


def untied_digest(message_id: str, key: DecisionKey) -> Digest:
    """Stands for a message id beside one decision only: nothing else that this sender said has the same."""
    return blake2b(message_id.encode(), key=key, digest_size=8, person=b"untied").digest()


def visitor_digests(anonymous_id: str | None, user_id: str | None) -> tuple[Digest, ...]:
    """Every id that is known of a visitor, anonymous first."""
    anonymous = () if anonymous_id is None else (anonymous_digest(anonymous_id),)
    user = () if user_id is None else (user_digest(user_id),)
    return anonymous + user
