"""Sites: the settings of each website, and their encoding in the store's registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from edgewise.errors import Problem, StoreError
from edgewise.types import Condition, ConsentMode, IdentityMode, Robots, Webhook


class Site(msgspec.Struct, frozen=True):
    """The settings of one website.

    `origins` are those whose pages may call. Without any, pages from loopback addresses may call. "*" allows all.
    `placements` are the names of those with a policy, sorted.
    `consent` is the meaning of a visitor's silence. `learn_without_consent` allows aggregate learning from visitors
    who did not consent. `segments` are conditions by name. `sensitive` are the names of traits that no policy may
    use. `identity` is whether browsers must prove user ids.
    """

    name: str
    write_key: str
    origins: tuple[str, ...]
    placements: tuple[str, ...]
    consent: ConsentMode = "assumed"
    learn_without_consent: bool = True
    robots: Robots = "ignore"
    segments: Mapping[str, Condition] = {}
    sensitive: tuple[str, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    identity: IdentityMode = "verified"


def encode_sites(sites: Iterable[Site]) -> bytes:
    return msgspec.msgpack.encode(list(sites))


def decode_sites(packed: bytes | None) -> tuple[Site, ...]:
    """Decode the registry's value. None, an empty registry, means no sites.

    Missing fields get their defaults, and unknown fields are ignored: another release may have encoded the sites.

    Raises:
        StoreError: the bytes are not encoded sites.
    """
    if packed is None:
        return ()
    try:
        return msgspec.msgpack.decode(packed, type=tuple[Site, ...])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"The registry's {len(packed)} bytes are not encoded sites: {error}.") from error


def encode_problems(problems: Iterable[Problem]) -> bytes:
    """Encode the problems of refused policy files, for the registry."""
    return msgspec.msgpack.encode(list(problems))


def decode_problems(packed: bytes | None) -> tuple[Problem, ...]:
    """Decode the problems of refused policy files. None are no problems.

    Raises:
        StoreError: the bytes are not encoded problems.
    """
    if packed is None:
        return ()
    try:
        return msgspec.msgpack.decode(packed, type=tuple[Problem, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"The registry's {len(packed)} bytes are not encoded problems: {error}.") from error
