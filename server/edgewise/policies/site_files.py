"""Readers of policy folders: a folder of policy files is one site, a folder of such folders is many sites."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from edgewise.config.messages import mismatch, missing
from edgewise.config.table import Table, child, find_duplicates
from edgewise.config.toml_file import read_toml
from edgewise.config.values import boolean, one_of, short_name
from edgewise.errors import PolicyError, Problem
from edgewise.policies.attribute_problems import attribute_problems
from edgewise.policies.origins import origin_list
from edgewise.policies.policy import Policy
from edgewise.policies.policy_file import read_policy
from edgewise.policies.reward_problems import reward_problems
from edgewise.policies.segments import hidden_segment_problems, read_segments, segment_problems
from edgewise.policies.sensitive_traits import sensitive_problems, trait_names
from edgewise.policies.webhook_table import read_webhooks
from edgewise.sites import Site
from edgewise.types import Condition, ConsentMode, IdentityMode, Robots

SITE_FILE = "site.toml"

_WRITE_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")


class LoadedSite(NamedTuple):
    """A site and its policies, which are in the order of their placements."""

    site: Site
    policies: tuple[Policy, ...]


class Oversight(NamedTuple):
    """A problem that earlier releases did not report. The file works, but not as its author means.

    `placement` is None for a problem of the site file.
    """

    site: str
    placement: str | None
    problem: Problem


class SiteFiles(NamedTuple):
    """The sites of a folder, in the order of their names, and the oversights in their files."""

    sites: tuple[LoadedSite, ...]
    oversights: tuple[Oversight, ...]


def load_sites(folder: Path) -> tuple[LoadedSite, ...]:
    """Read the site, or the sites, of this folder, in the order of their names.

    Raises:
        PolicyError: a file is invalid, or has an oversight, or two files contradict each other. It carries every
            problem of every file, each with the file's path from the folder.
    """
    sites, oversights = read_sites(folder)
    if oversights:
        raise PolicyError([oversight.problem for oversight in oversights])
    return sites


def read_sites(folder: Path) -> SiteFiles:
    """Read the sites of this folder, and the oversights in their files.

    Raises:
        PolicyError: as for `load_sites`, but not for oversights alone.
    """
    problems: list[Problem] = []
    oversights: list[Oversight] = []
    readers = [_SiteReader(path, folder, problems, oversights) for path in _site_folders(folder)]
    loaded = [reader.read() for reader in readers]
    valid = [(site, reader) for (site, _), reader in zip(loaded, readers, strict=True) if reader.is_valid]
    problems += find_duplicates("site name", ((site.name, reader.path_of("name")) for site, reader in valid))
    problems += find_duplicates("write key", ((site.write_key, reader.path_of("write_key")) for site, reader in valid))
    if problems:
        raise PolicyError([*problems, *(oversight.problem for oversight in oversights)])
    sites = sorted(loaded, key=lambda site_and_policies: site_and_policies.site.name)
    return SiteFiles(tuple(sites), tuple(oversights))


def _site_folders(folder: Path) -> list[Path]:
    """This folder, or the folders in it."""
    try:
        inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and _toml_files(entry)]
    except NotADirectoryError as error:
        message = "Expected a folder of policy files, found a file. Pass the folder."
        raise PolicyError([Problem(str(folder), message)]) from error
    except OSError as error:
        base = "" if folder.is_absolute() else f" It is relative to {Path.cwd()}."
        message = f"Cannot read the folder of policy files: {error.strerror}. Check its path.{base}"
        raise PolicyError([Problem(str(folder), message)]) from error
    if not _toml_files(folder):
        if not inner:
            raise PolicyError([Problem(str(folder), missing("policy file", "Add at least one *.toml file."))])
        return inner
    if inner:
        names = ", ".join(entry.name for entry in inner)
        message = (
            f"Policy files are next to site folders ({names}). "
            "Keep the files of one site here, or one folder for each site."
        )
        raise PolicyError([Problem(str(folder), message)])
    return [folder]


def _toml_files(folder: Path) -> list[Path]:
    """The TOML files of a folder without hidden ones, which editors leave behind. A hidden folder has none."""
    if folder.name.startswith("."):
        return []
    return sorted(file for file in folder.glob("*.toml") if not file.name.startswith("."))


class _SiteReader:
    """Reads the folder of one site. It is valid until its site file turns out to be invalid."""

    def __init__(self, folder: Path, root: Path, problems: list[Problem], oversights: list[Oversight]) -> None:
        self._folder = folder
        self._root = root
        self._problems = problems
        self._oversights = oversights
        self.is_valid = True

    def path_of(self, key: str) -> str:
        """The path of this key of the site file, as problems show it."""
        return f"{self._relative(self._folder / SITE_FILE)}: {key}"

    def read(self) -> LoadedSite:
        table = self._site_table()
        segments = read_segments(table)
        sensitive = self._read_sensitive(table, segments)
        name = table.take("name", short_name, "default")
        policies = self._policies(name, segments, sensitive)
        site = Site(
            name=name,
            write_key=table.take("write_key", _write_key, "default"),
            origins=table.take("origins", origin_list, ()),
            placements=tuple(policy.placement for policy in policies),
            consent=table.take("consent", one_of(get_args(ConsentMode)), "assumed"),
            learn_without_consent=table.take("learn_without_consent", boolean, True),
            robots=table.take("robots", one_of(get_args(Robots)), "ignore"),
            segments=segments,
            sensitive=sensitive,
            webhooks=read_webhooks(table, segments, sensitive),
            identity=table.take("identity", one_of(get_args(IdentityMode)), "verified"),
        )
        table.report_unknown_keys()
        self.is_valid &= not table.problems
        self._problems += (Problem(self.path_of(problem.path), problem.message) for problem in table.problems)
        oversights = attribute_problems(_conditions_of(site))
        oversights += hidden_segment_problems(_conditions_of(site), segments)
        self._add_oversights(name, None, SITE_FILE, oversights, table.problems)
        self._oversights += (Oversight(name, None, problem) for problem in self._ignored_files())
        return LoadedSite(site, policies)

    def _site_table(self) -> Table:
        path = self._folder / SITE_FILE
        entries: dict[str, Any] = {}
        if path.exists():
            try:
                entries = read_toml(path, self._relative(path))
            except PolicyError as error:
                self.is_valid = False
                self._problems += error.problems
        return Table(entries, "", [])

    def _read_sensitive(self, table: Table, segments: Mapping[str, Condition]) -> tuple[str, ...]:
        none: tuple[str, ...] = ()
        sensitive = table.take("sensitive", trait_names, none)
        conditions = ((condition, child("segments", name)) for name, condition in segments.items())
        table.problems += sensitive_problems(conditions, sensitive)
        return sensitive

    def _ignored_files(self) -> Iterator[Problem]:
        """A problem for each file whose name Windows shows like that of a policy file."""
        for file in sorted(self._folder.iterdir()):
            if file.suffix != ".toml" and file.name.lower().endswith((".toml", ".toml.txt")):
                name = file.name[: file.name.lower().index(".toml")] + ".toml"
                yield Problem(
                    self._relative(file), f"Edgewise reads only files that end with .toml. Rename it to {name}."
                )

    def _add_oversights(
        self, site: str, placement: str | None, file: str, found: Iterable[Problem], known: Iterable[Problem]
    ) -> None:
        """Add oversights at paths that have no other problem."""
        paths = {problem.path for problem in known}
        name = self._relative(self._folder / file)
        self._oversights += (
            Oversight(site, placement, Problem(f"{name}: {problem.path}", problem.message))
            for problem in found
            if problem.path not in paths
        )

    def _policies(self, site: str, segments: Mapping[str, Condition], sensitive: Collection[str]) -> tuple[Policy, ...]:
        read = list(self._read_policies())
        for file, policy in read:
            problems = segment_problems(policy.conditions(), segments)
            problems += sensitive_problems(policy.conditions(), sensitive)
            self._problems += (Problem(f"{file}: {problem.path}", problem.message) for problem in problems)
            oversights = [*attribute_problems(policy.conditions()), *reward_problems(policy.reward)]
            oversights += hidden_segment_problems(policy.conditions(), segments)
            self._add_oversights(site, policy.placement, Path(file).name, oversights, problems)
        placements = ((policy.placement, f"{file}: placement") for file, policy in read)
        self._problems += find_duplicates("placement", placements)
        if not _policy_files(self._folder):
            message = missing("policy file", "Add at least one *.toml file next to site.toml.")
            self._problems.append(Problem(str(self._folder), message))
        return tuple(sorted((policy for _, policy in read), key=lambda policy: policy.placement))

    def _read_policies(self) -> Iterator[tuple[str, Policy]]:
        for file in _policy_files(self._folder):
            if file.name.lower() in (SITE_FILE, "sites.toml"):
                message = f"The settings of a site are in {SITE_FILE}. Rename the file to {SITE_FILE}."
                self._problems.append(Problem(self._relative(file), message))
                continue
            try:
                yield self._relative(file), read_policy(file, self._relative(file))
            except PolicyError as error:
                self._problems += error.problems

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _conditions_of(site: Site) -> Iterator[tuple[Condition, str]]:
    for name, condition in site.segments.items():
        yield condition, child("segments", name)
    for index, webhook in enumerate(site.webhooks):
        yield webhook.when, child(child("webhooks", index), "when")


def _policy_files(folder: Path) -> list[Path]:
    return [file for file in _toml_files(folder) if file.name != SITE_FILE]


def _write_key(value: Any) -> str:
    if isinstance(value, str) and _WRITE_KEY.fullmatch(value):
        return value
    raise ValueError(mismatch("1 to 128 of the characters A-Z, a-z, 0-9, _ and -", value))
