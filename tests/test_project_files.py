"""The files of the project agree with each other: versions, licence, dependencies, locks, targets and paths."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edgewise import __version__

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]
PACKAGE_JSON: dict[str, Any] = json.loads((ROOT / "sdk-js" / "package.json").read_text())
SERVICE_LOCK = (ROOT / "requirements" / "service.txt").read_text()
DEVELOPMENT_LOCK = (ROOT / "requirements" / "development.txt").read_text()
QUALITY_LOCK = (ROOT / "requirements" / "quality.txt").read_text()

APACHE_2_0_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"

NOT_INSTALLED = {"locust"}
"""load_tests/locustfile.py runs in an environment of its own, as its docstring describes."""

OF_QUALITY = {"mabwiser", "sklearn"}
"""Modules of the extra `quality`, which `make quality` installs."""


def requirements(*groups: list[str]) -> dict[str, Requirement]:
    """The declared requirements by canonical name."""
    parsed = [Requirement(text) for group in groups for text in group]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


SERVICE = requirements(PROJECT["dependencies"])
DEVELOPMENT = requirements(PROJECT["dependencies"], PROJECT["optional-dependencies"]["dev"])
QUALITY = requirements(PROJECT["dependencies"], PROJECT["optional-dependencies"]["quality"])
BUILD = requirements(PYPROJECT["build-system"]["requires"])


def locked(lock: str) -> dict[str, str]:
    """The locked version of each distribution."""
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^ ;]+)", lock, re.M)}


def imported_modules(*folders: str) -> set[str]:
    """The top-level modules that the Python files in these folders import."""
    modules: set[str] = set()
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules.update(name.name.partition(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    return modules


def undeclared_modules(modules: set[str], declared: dict[str, Requirement]) -> set[str]:
    """The third-party modules that no declared distribution provides."""
    providers = packages_distributions()
    third_party = modules - sys.stdlib_module_names - {"edgewise", "tests", "load_tests"}
    return {
        module
        for module in third_party
        if not any(canonicalize_name(name) in declared for name in providers.get(module, ()))
    }


def make(target: str) -> str:
    """What make would run, or what `make help` prints."""
    options = [] if target == "help" else ["-nB"]
    command = ["make", "--no-print-directory", *options, target]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout


def load_audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_license_is_the_full_apache_license() -> None:
    for file in ("LICENSE", "sdk-js/LICENSE"):
        assert hashlib.sha256((ROOT / file).read_bytes()).hexdigest() == APACHE_2_0_SHA256, file
    assert PROJECT["license"] == PACKAGE_JSON["license"] == "Apache-2.0"


def test_service_imports_only_declared_dependencies() -> None:
    assert undeclared_modules(imported_modules("server/edgewise"), SERVICE) == set()


def test_tests_import_only_declared_dependencies() -> None:
    assert undeclared_modules(imported_modules("tests", "load_tests") - OF_QUALITY, DEVELOPMENT) == NOT_INSTALLED


def test_version_is_equal_everywhere() -> None:
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "edgewise.__version__"}
    package_lock = json.loads((ROOT / "sdk-js" / "package-lock.json").read_text())
    pages = "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    copies = [
        PACKAGE_JSON["version"],
        package_lock["version"],
        package_lock["packages"][""]["version"],
        re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[0],
        *re.findall(r"(?:/sdk/|edgewise-)(\d+\.\d+\.\d+)", pages),
    ]
    assert set(copies) == {__version__}


@pytest.mark.parametrize(
    ("lock", "declared"),
    [(SERVICE_LOCK, SERVICE | BUILD), (DEVELOPMENT_LOCK, DEVELOPMENT | BUILD), (QUALITY_LOCK, QUALITY | BUILD)],
    ids=["service", "development", "quality"],
)
def test_lock_satisfies_every_declared_requirement(lock: str, declared: dict[str, Requirement]) -> None:
    versions = locked(lock)
    stale = [str(need) for name, need in declared.items() if versions.get(name, "missing") not in need.specifier]
    assert stale == [], "run `make lock`"


def test_service_lock_is_a_part_of_the_development_lock() -> None:
    assert locked(SERVICE_LOCK).items() <= locked(DEVELOPMENT_LOCK).items()


def test_quality_lock_replaces_no_package_of_the_development_lock() -> None:
    development, quality = locked(DEVELOPMENT_LOCK), locked(QUALITY_LOCK)
    assert {name: quality[name] for name in quality.keys() & development.keys()}.items() <= development.items()


def test_locks_have_a_hash_for_each_package_and_no_address() -> None:
    for lock in (SERVICE_LOCK, DEVELOPMENT_LOCK, QUALITY_LOCK):
        packages = re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:[0-9a-f]{64}", lock, re.M)
        assert len(packages) == len(locked(lock)) > 20
        assert "://" not in lock


def test_locked_build_requirements_are_those_of_the_build_system() -> None:
    assert PYPROJECT["dependency-groups"]["build"] == PYPROJECT["build-system"]["requires"]


def test_image_has_pinned_contents_and_no_privileges() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.M)
    assert bases
    assert all(re.fullmatch(r"python:3\.11-slim@sha256:[0-9a-f]{64}", base) for base in bases)
    installs = re.findall(r"pip install (.*)", dockerfile)
    assert all("--require-hashes" in options or "--no-deps --no-build-isolation" in options for options in installs)
    assert re.findall(r"^USER (\S+)", dockerfile, re.M) == ["edgewise"]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    copied = {source for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.M) for source in line.split()}
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_workflow_tests_every_supported_python_version() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    tested = json.loads(re.findall(r"python: (\[.*\])", workflow)[0])
    supported = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert tested == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]
    classifiers = {text.rpartition(" :: ")[2] for text in PROJECT["classifiers"]}
    assert set(tested) <= classifiers
    assert "run: make test\n" in workflow


def test_help_lists_every_target() -> None:
    (declared,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert re.findall(r"^  make ([\w-]+) +\w", make("help"), re.M) == declared.split()


def test_make_without_a_target_prints_the_help() -> None:
    command = ["make", "--no-print-directory"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120).stdout == make("help")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_path_and_target_in_a_page_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    words = {word for code in re.findall(r"`([^`\n]+)`", text) for word in code.split()}
    paths = {word for word in words if re.fullmatch(r"\w[\w.-]*/[\w./-]*|[\w./-]+\.(?:md|mjs|py|toml|ts|txt)", word)}
    paths.update(re.findall(r"\]\((?!\w+:)([^)#]+)", text))
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    for target in sorted(
        set(re.findall(r"\bmake ([a-z-]+)", " ".join(re.findall(r"`[^`\n]+`|^make .*$", text, re.M))))
    ):
        assert make(target), target


def test_npm_audit_without_an_answer_is_incomplete() -> None:
    audit = load_audit()
    with pytest.raises(audit.IncompleteAudit, match="405 Method Not Allowed"):
        audit.npm_findings({"message": "405 Method Not Allowed", "statusCode": 405})


def test_audit_reports_each_vulnerability() -> None:
    audit = load_audit()
    vulnerable = {"name": "click", "version": "8.2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["8.3"]}]}
    harmless = {"name": "idna", "version": "3.20", "vulns": []}
    assert audit.pip_findings({"dependencies": [vulnerable, harmless]}) == ["click 8.2: PYSEC-1, fixed in 8.3"]
    terser = {"range": "<5", "severity": "high", "fixAvailable": False}
    assert audit.npm_findings({"vulnerabilities": {"terser": terser}}) == ["terser <5: high, no fix"]


@pytest.mark.parametrize(
    ("pip_script", "npm_script", "status", "expected"),
    [
        ("print('{\"dependencies\": []}')", "print('{\"vulnerabilities\": {}}')", 0, "Python: 0 known vulnerabilities"),
        ("raise ConnectionError('no route')", "print('{\"vulnerabilities\": {}}')", 2, "ConnectionError: no route"),
        ("print('{\"dependencies\": []}')", "raise SystemExit('no network')", 2, "npm: NOT AUDITED"),
    ],
    ids=["complete", "pip-audit-unreachable", "npm-unreachable"],
)
def test_audit_fails_when_a_service_does_not_answer(
    pip_script: str,
    npm_script: str,
    status: int,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    audit = load_audit()
    monkeypatch.setattr(audit, "PIP_AUDIT", (sys.executable, "-c", pip_script))
    monkeypatch.setattr(audit, "NPM_AUDIT", (sys.executable, "-c", npm_script))
    assert audit.main() == status
    assert expected in capsys.readouterr().out
