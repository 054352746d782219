"""Audit the locked Python and npm packages. Exits with 1 for known vulnerabilities, with 2 when an audit is incomplete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PIP_AUDIT = (
    *(str(Path(sys.executable).with_name("pip-audit")), "--strict", "--disable-pip", "--require-hashes"),
    *("--progress-spinner", "off", "--format", "json", "--requirement", "requirements/development.txt"),
)
NPM_AUDIT = ("npm", "--prefix", "sdk-js", "audit", "--json")


class IncompleteAudit(Exception):
    """The vulnerability service gave no answer, or none for some packages."""


def pip_findings(report: dict[str, Any]) -> list[str]:
    """One line for each vulnerability in a report of pip-audit."""
    if skipped := [package["skip_reason"] for package in report["dependencies"] if "skip_reason" in package]:
        raise IncompleteAudit("; ".join(skipped))
    return [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no release'}"
        for package in report["dependencies"]
        for found in package["vulns"]
    ]


def npm_findings(report: dict[str, Any]) -> list[str]:
    """One line for each vulnerable package in a report of `npm audit`."""
    if "vulnerabilities" not in report:
        raise IncompleteAudit(report.get("message") or json.dumps(report))
    return [
        f"{name} {found['range']}: {found['severity']}, {'fix available' if found['fixAvailable'] else 'no fix yet'}"
        for name, found in report["vulnerabilities"].items()
    ]


def run(command: tuple[str, ...]) -> dict[str, Any]:
    """The JSON report of a command."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        # The last line of a traceback or of a log names the cause.
        raise IncompleteAudit((done.stderr.strip().splitlines() or ["no output"])[-1]) from None
    return dict(report)


def main() -> int:
    status = 0
    for ecosystem, command, findings in (("Python", PIP_AUDIT, pip_findings), ("npm", NPM_AUDIT, npm_findings)):
        try:
            found = findings(run(command))
        except IncompleteAudit as error:
            status = 2
            print(f"{ecosystem}: NOT AUDITED. The vulnerability service did not answer: {error}")
            print(f"{ecosystem}: run `make audit` again where the service can be reached.")
            continue
        status = max(status, int(bool(found)))
        print(f"{ecosystem}: {len(found)} known vulnerabilities")
        print("".join(f"  {line}\n" for line in found), end="")
    return status


if __name__ == "__main__":
    sys.exit(main())
