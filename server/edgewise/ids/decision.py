"""Decision ids: opaque, unguessable and tamper-evident. Each leads to its policy without a look-up.

An id is 36 characters of base64url. Its 27 bytes are:

- 6 that identify the policy
- 1 for the number of slots, with the highest bit set if the logged decision has no visitor
- 12 for the random decision key
- 8 for the signature
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from edgewise.errors import EdgewiseError, StoreUnavailable
from edgewise.ids.signing import Signer
from edgewise.types import DECISION_KEY_BYTES, DecisionKey, PolicyRef

KEY_BYTES = 32
_LENGTH = 36
_NO_VISITOR = 0x80
_SIGNER = Signer(8)


class UnknownDecision(EdgewiseError):
    """This installation did not issue the decision id."""


class DecisionIdParts(NamedTuple):
    """The content of a decision id. `has_visitor` is whether the logged decision names a visitor."""

    policy_id: bytes
    slots: int
    key: DecisionKey
    has_visitor: bool = True


def policy_id(ref: PolicyRef) -> bytes:
    """Six bytes that identify a policy inside decision ids."""
    return blake2b(f"{ref.site}\0{ref.placement}".encode(), digest_size=6).digest()


def new_key() -> DecisionKey:
    return os.urandom(DECISION_KEY_BYTES)


class DecisionIds:
    """Signs decision ids with the first key of a ring. Accepts the signature of any key of the ring.

    The store keeps the ring. It is empty until the store was read.
    """

    def __init__(self, ring: Sequence[bytes] = ()) -> None:
        self._ring = tuple(ring)

    @property
    def ring(self) -> bytes:
        """The keys, concatenated, as the store keeps them."""
        return b"".join(self._ring)

    @ring.setter
    def ring(self, stored: bytes) -> None:
        self._ring = tuple(stored[start : start + KEY_BYTES] for start in range(0, len(stored), KEY_BYTES))

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys. The first one signs.

        Raises:
            StoreUnavailable: the ring was not read from the store yet.
        """
        if not self._ring:
            raise StoreUnavailable("The keys of decision ids were not read from the store yet. Try again.")
        return self._ring

    def issue(self, policy: bytes, slots: int, key: DecisionKey, *, has_visitor: bool = True) -> str:
        """Return the id of a decision.

        Raises:
            StoreUnavailable: the ring was not read from the store yet.
        """
        keys = self._ring or self.keys  # The property costs time, and only raises for an empty ring.
        payload = policy + bytes((slots if has_visitor else slots | _NO_VISITOR,)) + key
        return _SIGNER.sign(payload, keys[0])

    def read(self, text: str) -> DecisionIdParts:
        """Return the content of a decision id.

        Raises:
            UnknownDecision: the text is not an id, or no key of this ring signed it.
            StoreUnavailable: the ring was not read from the store yet.
        """
        keys = self.keys
        payload = _SIGNER.verify(text, keys) if len(text) == _LENGTH else None
        if not payload:
            raise UnknownDecision("Unknown decision id. Send the `decisionId` of a decide response of this server.")
        return DecisionIdParts(payload[:6], payload[6] & ~_NO_VISITOR, payload[7:], not payload[6] & _NO_VISITOR)
