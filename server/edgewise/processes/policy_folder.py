"""The folder of policy files: its state, its content in the form of the store, and which oversights it may have."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from edgewise.bandit.shape import shape_of
from edgewise.errors import PolicyError
from edgewise.policies.compiled_policy import encode_policy, version_of
from edgewise.policies.site_files import LoadedSite, Oversight, SiteFiles, read_sites
from edgewise.sites import Site, decode_sites, encode_sites
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef

log = logging.getLogger(__name__)

FolderState: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""The path, modification time, size and inode of each policy file."""


class EncodedPolicy(NamedTuple):
    """A policy in the form of the store."""

    ref: PolicyRef
    version: Digest
    shape: Digest
    blob: bytes


class LoadedFolder(NamedTuple):
    """The content of the folder, in the form of the store."""

    files: SiteFiles
    policies: tuple[EncodedPolicy, ...]
    sites: bytes


def read_state(folder: Path) -> FolderState:
    """Read the state of the files, which changes with every edit."""
    files = []
    for path in sorted([*folder.glob("*.toml"), *folder.glob("*/*.toml")]):
        try:
            stat = path.stat()
        except FileNotFoundError:  # An editor removed it since the listing.
            continue
        except OSError:  # The next reading reports it.
            files.append((str(path), 0, 0, 0))
            continue
        files.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(files)


def read_folder(folder: Path) -> LoadedFolder:
    """Read the files.

    Raises:
        PolicyError: the files are invalid.
    """
    files = read_sites(folder)
    return LoadedFolder(files, tuple(_encode_policies(files.sites)), encode_sites(site for site, _ in files.sites))


async def refuse_new_oversights(loaded: LoadedFolder, store: Store) -> None:
    """Check that the store already serves each file with an oversight. Log a warning for each.

    Raises:
        PolicyError: a file with an oversight is new or edited.
        StoreError: the store does not answer.
    """
    oversights = loaded.files.oversights
    if not oversights:
        return
    versions = {policy.ref: policy.version for policy in loaded.policies}
    current = await store.versions.current(list(versions))
    served = {ref for ref, one in current.items() if one.version == versions[ref]}
    served_conditions = {site.name: _conditions_of(site) for site in decode_sites(await store.registry.sites())}
    conditions = {site.name: _conditions_of(site) for site in decode_sites(loaded.sites)}

    def is_served(oversight: Oversight) -> bool:
        if oversight.placement is None:
            return served_conditions.get(oversight.site) == conditions[oversight.site]
        return PolicyRef(oversight.site, oversight.placement) in served

    if problems := [oversight.problem for oversight in oversights if not is_served(oversight)]:
        raise PolicyError(problems)
    for oversight in oversights:
        log.warning("%s: %s Edgewise serves it as before, and will refuse the next edit.", *oversight.problem)


def _conditions_of(site: Site) -> tuple[Any, ...]:
    return site.segments, [(webhook.name, webhook.when) for webhook in site.webhooks]


def _encode_policies(loaded: Iterable[LoadedSite]) -> Iterator[EncodedPolicy]:
    for site, policies in loaded:
        for policy in policies:
            blob = encode_policy(policy)
            ref = PolicyRef(site.name, policy.placement)
            yield EncodedPolicy(ref, version_of(blob), shape_of(policy).digest, blob)
