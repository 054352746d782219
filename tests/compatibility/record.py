"""Record what a release writes into a store, and what it answers about that: `python -m tests.compatibility.record`."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tests.compatibility import answers
from tests.compatibility.service import THIS_RELEASE, Service, run, running
from tests.compatibility.store_dump import dump
from tests.compatibility.traffic import CUSTOMER, PLACEMENTS, Traffic, request, requests
from tests.eventually import eventually
from tests.valkey import Valkey

_EARLIER = {"hero": ("discount = 10", "discount = 5"), "offer": ('"regcb"', '"epsilon"')}
"""What the first version of a policy has instead. The second edit changes the shape of the model."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--edgewise",
    "command",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=THIS_RELEASE,
    show_default=True,
    help="The command of the release to record.",
)
def record(folder: Path, command: Path) -> None:
    """Record a release into FOLDER, which holds its policies in a folder of that name.

    \b
    Example:
      python -m tests.compatibility.record tests/compatibility/releases/0.1.0 --edgewise ../old/.venv/bin/edgewise
    """
    asyncio.run(_record(folder, command))


async def _record(folder: Path, command: Path) -> None:
    valkey = Valkey()
    try:
        with tempfile.TemporaryDirectory() as name:
            data, policies = Path(name) / "data", Path(name) / "policies"
            shutil.copytree(folder / "policies", policies)
            for placement, (text, earlier) in _EARLIER.items():
                file = policies / f"{placement}.toml"
                file.write_text(file.read_text().replace(text, earlier))
            async with running(valkey.url, policies, data, command=command) as service:
                traffic = await _visits(service, folder / "policies", policies)
            (folder / "store.jsonl.gz").write_bytes(dump(valkey.url))
            async with running(valkey.url, policies, data, command=command, learner=False) as service:
                recorded = await _answers(service, traffic, valkey.url, command)
            recorded["release"] = (await run(command, "--version")).strip()
            recorded["machine"] = platform.machine()
            recorded["policyCheck"] = await run(command, "policy", "check", str(policies))
            shutil.copyfile(data / "secret-key", folder / "secret-key")
    finally:
        valkey.close()
    (folder / "answers.json").write_text(_one_line_each(recorded))


async def _visits(service: Service, policies: Path, served: Path) -> Traffic:
    """All traffic. Between two rounds the policies are edited, so that the logs name several versions."""
    traffic = Traffic(service)
    await traffic.visit(0)
    await traffic.leave_unseen()
    await eventually(lambda: _is_learned(service, traffic))
    earlier = {placement: await _version(service, placement) for placement in _EARLIER}
    for placement in _EARLIER:
        shutil.copy(policies / f"{placement}.toml", served)
    await eventually(lambda: _are_edited(service, earlier))
    await traffic.visit(1)
    await traffic.finish()
    await eventually(lambda: _is_learned(service, traffic))
    return traffic


async def _are_edited(service: Service, earlier: Mapping[str, str]) -> bool:
    return all([await _version(service, placement) != version for placement, version in earlier.items()])


async def _version(service: Service, placement: str) -> str:
    version: str = (await service.get(f"/v1/policies/{placement}"))["policyVersion"]
    return version


async def _is_learned(service: Service, traffic: Traffic) -> bool:
    for placement in PLACEMENTS:
        model = (await service.get(f"/v1/policies/{placement}"))["model"]
        if model is None or model["learnedDecisions"] < traffic.learnable[placement]:
            return False
    return True


async def _answers(service: Service, traffic: Traffic, url: str, command: Path) -> dict[str, Any]:
    token = await service.preview_token()
    people = ("visitor-0", "visitor-1", "visitor-2", "customer-2", "visitor-0-phone", CUSTOMER)
    return {
        "rebuilt": {placement: await answers.rebuilt(url, placement, command) for placement in PLACEMENTS},
        "reports": {placement: await answers.report(service, placement) for placement in PLACEMENTS},
        "profiles": {id: await answers.profile(service, id) for id in people},
        "exports": {id: await answers.exported(url, id, command) for id in ("visitor-1", CUSTOMER)},
        "explained": [{"request": one, "answer": await answers.explained(service, one, token)} for one in requests()],
        "queued": {id: await answers.queued(url, id, command) for id in ("visitor-3", "visitor-6")},
        "sticky": [
            {"request": {**request(f"visitor-{number}", number), "placements": [placement]}}
            | {"decisionId": traffic.chosen[f"visitor-{number}", placement]["decisionId"]}
            for number in range(4)
            for placement in ("offer", "row")
        ],
        "unseen": [
            {name: one[name] for name in ("visitor", "placement", "decisionId", "group")}
            | {"slots": len(one.get("slots", ("one",)))}
            for one in traffic.unseen
        ],
        "ordered": traffic.ordered,
    }


def _one_line_each(recorded: dict[str, Any]) -> str:
    """JSON with a line for each kind of answer and each item of it, so that a difference can be read."""
    kinds = []
    for kind, held in recorded.items():
        if isinstance(held, dict):
            lines = [f"{json.dumps(name)}: {json.dumps(item)}" for name, item in held.items()]
            kinds.append(f"{json.dumps(kind)}: {{\n" + ",\n".join(lines) + "\n}")
        elif isinstance(held, list):
            kinds.append(f"{json.dumps(kind)}: [\n" + ",\n".join(map(json.dumps, held)) + "\n]")
        else:
            kinds.append(f"{json.dumps(kind)}: {json.dumps(held)}")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


if __name__ == "__main__":
    record()
