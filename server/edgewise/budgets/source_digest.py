"""The digest of a source for the counts of rewards. It is keyed, so nobody can find the address by trying all."""

from __future__ import annotations

from hashlib import blake2b

from edgewise.types import Digest


def source_digest(secret: bytes, source: str, *, has_consent: bool) -> Digest:
    """The digest of an address. Without consent, it is that of the large network around it, which names no person."""
    if not has_consent:
        source = ":".join(source.split(":")[:2]) if ":" in source else ".".join(source.split(".")[:2])
    return blake2b(source.encode(), key=blake2b(secret, digest_size=32).digest(), digest_size=8).digest()
