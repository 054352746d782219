"""The README's commands work as they are written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.valkey import free_port

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EDGEWISE = str(Path(sys.executable).with_name("edgewise"))


def command(beginning: str) -> str:
    """The one block of the README that begins like this."""
    (found,) = [block for block in COMMANDS if block.startswith(beginning)]
    return str(found)


def run(block: str, folder: Path, port: int = 8080) -> str:
    """What a block prints, run in this folder as a reader would run it."""
    shell = block.replace(".venv/bin/edgewise", EDGEWISE).replace(":8080", f":{port}")
    done = subprocess.run(["bash", "-euc", shell], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, as far as the commands need one."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "policies", folder / "policies")
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The service as the README starts it, but for the port."""
    assert ".venv/bin/edgewise serve\n" in command("make setup")
    port = free_port()
    # Tests share the machine, so a decision may take longer than a reader's would.
    environ = {**os.environ, "EDGEWISE_PORT": str(port), "EDGEWISE_DECIDE_BUDGET": "5s"}
    with subprocess.Popen([EDGEWISE, "serve"], cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            said = ""
            while "Listening on" not in said:
                line = server.stderr.readline()
                assert line, f"the server ended: {said}"
                said += line
            assert str(folder / "data" / "secret-key") in said.replace(
                "data/secret-key", str(folder / "data/secret-key")
            )
            yield port
        finally:
            server.terminate()
            server.communicate(timeout=120)


def test_every_make_target_that_is_named_exists() -> None:
    for target in sorted(set(re.findall(r"\bmake ([a-z]+)\b", README))):
        make = ["make", "-nB", "--no-print-directory", target]
        done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"make {target}: {done.stderr}"
        assert ".venv/" in done.stdout.splitlines()[-1], f"make {target} does nothing"


def test_a_decision_its_outcomes_an_order_the_report_and_the_proof(folder: Path, port: int) -> None:
    answer = json.loads(run(command("curl -s http://127.0.0.1:8080/v1/decide"), folder, port))
    (decision,) = answer["decisions"]
    assert decision["group"] in ("policy", "control")
    assert 0 < decision["propensity"] <= 1
    reported = json.loads(run(command("DECISION="), folder, port))
    assert reported == {"success": True, "accepted": 2, "rejected": []}
    ordered = json.loads(run(command("curl -s http://127.0.0.1:8080/v1/track"), folder, port))
    assert ordered["accepted"] == 1
    report = json.loads(run(command("curl -s http://127.0.0.1:8080/v1/policies/home-hero"), folder, port))
    assert report["placement"] == "home-hero"
    assert "equal" in run(command(".venv/bin/edgewise rebuild home-hero"), folder, port)
    assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200


def test_the_example_policies_are_checked(folder: Path) -> None:
    said = run(command(".venv/bin/edgewise policy check policies"), folder)
    assert all(placement in said for placement in ("home-hero", "home-row", "cart-nudge"))


def test_the_policy_that_is_shown_is_a_good_one(tmp_path: Path) -> None:
    (policy,) = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "shown.toml").write_text(policy)
    assert "home-hero" in run(command(".venv/bin/edgewise policy check policies"), tmp_path)


def test_the_help_that_is_named_is_there(folder: Path) -> None:
    for block in COMMANDS:
        if "--help" in block:
            assert "Usage:" in run(block, folder)


def test_image_runs_the_manual_steps_with_locked_packages() -> None:
    steps = re.findall(r"^RUN (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    create_venv, install = command("python3 -m venv").splitlines()
    assert steps[0] == create_venv
    assert steps[1] == ".venv/bin/pip install --require-hashes -r requirements/service.txt"
    assert steps[2] == install.replace("pip install", "pip install --no-deps --no-build-isolation")


def test_every_command_is_run_by_some_test() -> None:
    known = ("make ", "curl ", "DECISION=", ".venv/bin/edgewise ", "python3 -m venv")
    assert all(block.startswith(known) for block in COMMANDS)
