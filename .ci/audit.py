"""Audit the locked Python and npm packages.

Exit status: 0 without known vulnerabilities, 1 with some, 2 if a vulnerability service did not answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Without --strict, pip-audit skips the packages that its service does not answer for, and exits with 0.
PIP_AUDIT = (
    *(str(Path(sys.executable).with_name("pip-audit")), "--strict", "--disable-pip", "--require-hashes"),
    *("--progress-spinner", "off", "--format", "json"),
    *("--requirement", "requirements/development.txt", "--requirement", "requirements/quality.txt"),
)
NPM_AUDIT = ("npm", "--prefix", "sdk-js", "audit", "--json")


class IncompleteAudit(Exception):
    """The audit command printed no report. The message is the cause."""


def pip_findings(report: dict[str, Any]) -> list[str]:
    """One line for each vulnerability in a report of pip-audit."""
    return [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for package in report["dependencies"]
        for found in package["vulns"]
    ]


def npm_findings(report: dict[str, Any]) -> list[str]:
    """One line for each vulnerable package in a report of `npm audit`."""
    if "vulnerabilities" not in report:
        raise IncompleteAudit(report.get("message") or json.dumps(report))
    return [
        f"{name} {found['range']}: {found['severity']}, {'fix available' if found['fixAvailable'] else 'no fix'}"
        for name, found in report["vulnerabilities"].items()
    ]


def run(command: tuple[str, ...]) -> dict[str, Any]:
    """The JSON report of a command."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        # The last line of a traceback or of a log names the cause.
        raise IncompleteAudit((done.stderr.strip().splitlines() or ["no output"])[-1]) from None


def main() -> int:
    """Run both audits, also when the first one fails."""
    status = 0
    for ecosystem, command, findings in (("Python", PIP_AUDIT, pip_findings), ("npm", NPM_AUDIT, npm_findings)):
        try:
            found = findings(run(command))
        except IncompleteAudit as error:
            status = 2
            print(f"{ecosystem}: NOT AUDITED. The vulnerability service did not answer: {error}")
            print(f"{ecosystem}: Run `make audit` again where the service is reachable.")
            continue
        status = max(status, int(bool(found)))
        print(f"{ecosystem}: {len(found)} known vulnerabilities")
        print("".join(f"  {line}\n" for line in found), end="")
    return status


if __name__ == "__main__":
    sys.exit(main())
