"""Decision ids: opaque, unguessable, tamper-evident, and leading to their policy without a look-up.

Bytes: 6 that name the policy, 1 for the number of slots (its highest bit says that no visitor is in the decision's
entry), the 12 random bytes of the decision's key, 8 of signature; 36 characters in base64url.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

from edgewise.errors import EdgewiseError, StoreUnavailable
from edgewise.types import DecisionKey, PolicyRef

KEY_BYTES = 32
_LENGTH = 36
_NOBODY = 0x80
_SIGNATURE = 8


class UnknownDecision(EdgewiseError):
    """A text that is not a decision id that this installation gave out."""


class DecisionName(NamedTuple):
    """What a decision id says. `tied` is whether the decision's entry names a visitor."""

    policy_id: bytes
    slots: int
    key: DecisionKey
    tied: bool = True


def policy_id(ref: PolicyRef) -> bytes:
    """Six bytes that name a policy inside decision ids."""
    return blake2b(f"{ref.site}\0{ref.placement}".encode(), digest_size=6).digest()


def new_key() -> DecisionKey:
    """Twelve random bytes."""
    return os.urandom(12)


class DecisionIds:
    """Signs with the first key of the ring, and accepts the signature of any of them.

    The ring is in the store; it is empty until it could be read from there.
    """

    def __init__(self, ring: Sequence[bytes] = ()) -> None:
        self._ring = tuple(ring)

    @property
    def ring(self) -> bytes:
        """The keys, one after the other, as the store holds them."""
        return b"".join(self._ring)

    @ring.setter
    def ring(self, stored: bytes) -> None:
        self._ring = tuple(stored[start : start + KEY_BYTES] for start in range(0, len(stored), KEY_BYTES))

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys, the one to sign with first.

        Raises:
            StoreUnavailable: the ring could not be read yet.
        """
        self._require_ring()
        return self._ring

    def issue(self, policy: bytes, slots: int, key: DecisionKey, *, tied: bool = True) -> str:
        """The id of a decision.

        Raises:
            StoreUnavailable: the ring could not be read yet.
        """
        self._require_ring()
        name = policy + bytes((slots if tied else slots | _NOBODY,)) + key
        return urlsafe_b64encode(name + _signature(self._ring[0], name)).decode()

    def read(self, text: str) -> DecisionName:
        """What the id says.

        Raises:
            UnknownDecision: it is not an id, or was not signed by a key of this ring.
            StoreUnavailable: the ring could not be read yet.
        """
        self._require_ring()
        try:
            signed = urlsafe_b64decode(text.encode("ascii")) if len(text) == _LENGTH else b""
        except (Base64Error, UnicodeEncodeError):
            signed = b""
        name, signature = signed[:-_SIGNATURE], signed[-_SIGNATURE:]
        if not name or not any(compare_digest(signature, _signature(key, name)) for key in self._ring):
            raise UnknownDecision(f"not a decision id of this service (expected {_LENGTH} characters that it gave out)")
        return DecisionName(name[:6], name[6] & ~_NOBODY, name[7:], not name[6] & _NOBODY)

    def _require_ring(self) -> None:
        if not self._ring:
            raise StoreUnavailable("the keys of decision ids could not be read from the store yet; try again")


def _signature(key: bytes, name: bytes) -> bytes:
    return blake2b(name, key=key, digest_size=_SIGNATURE).digest()
