"""Proofs of user ids. A site's server hashes a user id with a secret, so that a page cannot claim another user's.

A browser has only the public write key, and everyone can copy that key. A user id alone therefore proves nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from edgewise.types import IdentityMode


def hash_user_id(user_id: str, secret: str) -> str:
    """The user hash: the HMAC-SHA256 of the id under the secret, in lowercase hexadecimal."""
    return hmac.digest(secret.encode(), user_id.encode(), "sha256").hex()


class UserProof:
    """Decides which user ids of one request count. It computes one HMAC for each pair of id and hash.

    All ids of a server count, and so do all ids if the site's mode is `trusted`. Otherwise `is_needed` is true.
    `refused` is the number of ids that did not count.
    """

    __slots__ = ("_checked", "_secrets", "is_needed", "is_server", "refused")

    def __init__(self, mode: IdentityMode, secrets: Sequence[str], *, is_server: bool) -> None:
        self.is_server = is_server
        self.refused = 0
        self.is_needed = not is_server and mode == "verified"
        self._secrets = secrets
        self._checked: dict[tuple[str, str | None], bool] = {}

    def accept(self, user_id: str | None, user_hash: str | None) -> str | None:
        """The user id if it counts. None if it is missing, empty or not proven."""
        if not user_id or not self.is_needed:
            return user_id or None
        pair = user_id, user_hash
        is_proven = self._checked.get(pair)
        if is_proven is None:
            is_proven = self._checked[pair] = self._proves(user_id, user_hash)
        if is_proven:
            return user_id
        self.refused += 1
        return None

    def _proves(self, user_id: str, user_hash: str | None) -> bool:
        if not user_hash:
            return False
        given = user_hash.encode()
        # A comparison that ends at the first difference would let a stranger find the hash byte by byte.
        return any(hmac.compare_digest(given, hash_user_id(user_id, secret).encode()) for secret in self._secrets)
