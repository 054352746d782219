"""Sites: a folder of policy files is one site, a folder of such folders is many."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from edgewise.config.claims import repeated
from edgewise.config.keypath import child
from edgewise.config.table import Table
from edgewise.config.toml_file import read_toml
from edgewise.config.values import a_switch, found, one_of, short_name
from edgewise.errors import PolicyError, Problem
from edgewise.policies.files import read_policy
from edgewise.policies.origins import origin_list
from edgewise.policies.policy import Policy
from edgewise.policies.segments import read_segments, unknown_segments
from edgewise.policies.sensitive import targeted, trait_names
from edgewise.policies.webhook_table import read_webhooks
from edgewise.types import Condition, ConsentMode, Robots, Webhook

SITE_FILE = "site.toml"

_WRITE_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Site:
    """One website. Without `origins`, browsers may call from loopback addresses only; "*" allows every origin.

    `policies` are in the order of their placements. `consent` is what a visitor's silence is taken for;
    `learn_without_consent` says whether the decisions of those who did not consent are learned from, in aggregate.
    `robots` is what is done with their calls beyond answering them.
    `segments` are conditions, by name. `sensitive` are names of traits that are neither features nor targeted.
    """

    name: str
    write_key: str
    origins: tuple[str, ...]
    policies: tuple[Policy, ...]
    consent: ConsentMode = "assumed"
    learn_without_consent: bool = True
    robots: Robots = "ignore"
    segments: Mapping[str, Condition] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()
    webhooks: tuple[Webhook, ...] = ()


def load_sites(folder: Path) -> tuple[Site, ...]:
    """The site, or the sites, whose files are in this folder, in the order of their names.

    Raises:
        PolicyError: something is wrong in some file, or between them. It carries every problem in every file, each with
            the path of its file from the folder.
    """
    problems: list[Problem] = []
    homes = [_Home(home, folder, problems) for home in _homes(folder)]
    sites = [home.read() for home in homes]
    sound = [(site, home) for site, home in zip(sites, homes, strict=True) if home.is_sound]
    problems += repeated((site.name, home.at("name")) for site, home in sound)
    problems += repeated((site.write_key, home.at("write_key")) for site, home in sound)
    if problems:
        raise PolicyError(problems)
    return tuple(sorted(sites, key=lambda site: site.name))


def _homes(folder: Path) -> list[Path]:
    """The folders that are sites: this one, or those in it."""
    try:
        inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and _toml_files(entry)]
    except OSError as error:
        raise PolicyError([Problem(str(folder), f"expected a folder of policy files: {error.strerror}")]) from error
    if not _toml_files(folder):
        if not inner:
            raise PolicyError([Problem(str(folder), "found no policy file, expected at least one (*.toml)")])
        return inner
    if inner:
        names = ", ".join(entry.name for entry in inner)
        message = f"found policy files beside folders of policy files ({names}), expected either one site or many"
        raise PolicyError([Problem(str(folder), message)])
    return [folder]


def _toml_files(folder: Path) -> list[Path]:
    """Less the hidden ones, which editors leave behind; a hidden folder has none."""
    if folder.name.startswith("."):
        return []
    return sorted(file for file in folder.glob("*.toml") if not file.name.startswith("."))


class _Home:
    """The folder of one site, being read. It is sound until its site file turns out to be wrong."""

    def __init__(self, path: Path, root: Path, problems: list[Problem]) -> None:
        self._path = path
        self._root = root
        self._problems = problems
        self.is_sound = True

    def at(self, key: str) -> str:
        """Where in the site's own file this key stands, or would stand."""
        return f"{self._shown(self._path / SITE_FILE)}: {key}"

    def read(self) -> Site:
        table = self._site_table()
        segments = read_segments(table)
        none: tuple[str, ...] = ()
        sensitive = table.take("sensitive", trait_names, none)
        table.problems += targeted(
            ((condition, child("segments", name)) for name, condition in segments.items()), sensitive
        )
        site = Site(
            name=table.take("name", short_name, "default"),
            write_key=table.take("write_key", _write_key, "default"),
            origins=table.take("origins", origin_list, ()),
            policies=self._policies(segments, sensitive),
            consent=table.take("consent", one_of(get_args(ConsentMode)), "assumed"),
            learn_without_consent=table.take("learn_without_consent", a_switch, True),
            robots=table.take("robots", one_of(get_args(Robots)), "ignore"),
            segments=segments,
            sensitive=sensitive,
            webhooks=read_webhooks(table, segments, sensitive),
        )
        table.refuse_unknown_keys()
        self.is_sound &= not table.problems
        self._problems += (Problem(self.at(problem.path), problem.message) for problem in table.problems)
        return site

    def _site_table(self) -> Table:
        path = self._path / SITE_FILE
        entries: dict[str, Any] = {}
        if path.exists():
            try:
                entries = read_toml(path, self._shown(path))
            except PolicyError as error:
                self.is_sound = False
                self._problems += error.problems
        return Table(entries, "", [])

    def _policies(self, segments: Mapping[str, Condition], sensitive: Collection[str]) -> tuple[Policy, ...]:
        read = list(self._read_policies())
        for file, policy in read:
            wrong = unknown_segments(policy, segments) + targeted(policy.conditions(), sensitive)
            self._problems += (Problem(f"{file}: {problem.path}", problem.message) for problem in wrong)
        self._problems += repeated((policy.placement, f"{file}: placement") for file, policy in read)
        if not _policy_files(self._path):
            message = "found no policy file beside site.toml, expected at least one (*.toml)"
            self._problems.append(Problem(str(self._path), message))
        return tuple(sorted((policy for _, policy in read), key=lambda policy: policy.placement))

    def _read_policies(self) -> Iterator[tuple[str, Policy]]:
        for file in _policy_files(self._path):
            try:
                yield self._shown(file), read_policy(file, self._shown(file))
            except PolicyError as error:
                self._problems += error.problems

    def _shown(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _policy_files(folder: Path) -> list[Path]:
    return [file for file in _toml_files(folder) if file.name != SITE_FILE]


def _write_key(value: Any) -> str:
    if isinstance(value, str) and _WRITE_KEY.fullmatch(value):
        return value
    raise ValueError(f"found {found(value)}, expected 1 to 128 of A-Z, a-z, 0-9, _ and -")
