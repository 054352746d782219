"""The registry: what the web workers and the learner know of the sites, and its bytes in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgpack

from edgewise.errors import StoreError
from edgewise.types import Condition, ConsentMode, Robots, Webhook


class SiteEntry(NamedTuple):
    """One site: who may call, from where, which placements have a policy, what may be done unasked, its segments."""

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


def encode_sites(sites: Iterable[SiteEntry]) -> bytes:
    """The bytes of these sites."""
    packed: bytes = msgpack.packb([site._asdict() for site in sites])
    return packed


def decode_sites(packed: bytes) -> tuple[SiteEntry, ...]:
    """The sites in these bytes. Fields that this version does not know are passed over.

    Raises:
        StoreError: the bytes are not such sites.
    """
    try:
        sites = msgpack.unpackb(packed, use_list=False)
        entries = [
            SiteEntry(**{name: site[name] for name in SiteEntry._fields if name in site or name in _REQUIRED})
            for site in sites
        ]
        return tuple(
            entry._replace(webhooks=tuple(Webhook(*webhook) for webhook in entry.webhooks)) for entry in entries
        )
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise StoreError(f"registry of {len(packed)} bytes: expected the sites, found {error!r}") from error


_REQUIRED = frozenset(SiteEntry._fields) - SiteEntry._field_defaults.keys()
