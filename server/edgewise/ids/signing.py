"""Signed tokens: a payload, then a keyed BLAKE2b signature of it, as base64url text."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple


class Signer(NamedTuple):
    """Signs the tokens of one kind. The signature has `size` bytes. `person` keeps the kinds apart under one key."""

    size: int
    person: bytes = b""

    def sign(self, payload: bytes, key: bytes) -> str:
        return urlsafe_b64encode(payload + self._signature(payload, key)).decode()

    def verify(self, token: str, keys: Iterable[bytes]) -> bytes | None:
        """Return the payload of a token. Return None if none of the keys signed it."""
        try:
            signed = urlsafe_b64decode(token.encode("ascii"))
        except (Base64Error, ValueError):
            return None
        payload, signature = signed[: -self.size], signed[-self.size :]
        if any(compare_digest(signature, self._signature(payload, key)) for key in keys):
            return payload
        return None

    def _signature(self, payload: bytes, key: bytes) -> bytes:
        return blake2b(payload, key=key, digest_size=self.size, person=self.person).digest()
