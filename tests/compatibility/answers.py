"""What a release answers about a store: the questions of a recording, asked again of any later release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.compatibility.service import THIS_RELEASE, Service, run

Json: TypeAlias = Any


async def rebuilt(store_url: str, placement: str, command: Path = THIS_RELEASE) -> dict[str, str]:
    """What `edgewise rebuild` reports: the model's digest, and whether the published model is equal."""
    output = await run(command, "rebuild", placement, "--redis", store_url)
    rows = (line.split("  ", 1) for line in output.splitlines())
    return {name.strip(): value.strip() for name, value in rows}


async def report(service: Service, placement: str) -> dict[str, Json]:
    """How a policy does: its counts, and the published model's digest."""
    found = await service.get(f"/v1/policies/{placement}")
    return dict(_without(found, {"learnerLagSeconds", "ageSeconds"}))


async def profile(service: Service, id: str) -> Json:
    return _without(await service.get(f"/v1/profiles/{id}?form=stored"), {"format"})


async def exported(store_url: str, id: str, command: Path = THIS_RELEASE) -> list[Json]:
    """Everything that is held of a visitor. Webhooks are left out, as the service retries them all the time."""
    return [_without(line, {"at", "format"}) for line in await _export(store_url, id, command) if "webhook" not in line]


async def queued(store_url: str, id: str, command: Path = THIS_RELEASE) -> list[Json]:
    """The messages to webhooks about a visitor that wait to be sent."""
    return [line["message"] for line in await _export(store_url, id, command) if line.get("is") == "waits"]


async def explained(service: Service, request: dict[str, Json], token: str) -> list[Json]:
    """How each placement is decided for a visitor: the group, and each action's propensity or refusal."""
    answer = await service.post("/v1/decide", {**request, "preview": token})
    return [
        {
            "placement": one["placement"],
            "group": one["group"],
            "policyVersion": one["policyVersion"],
            "mode": one["debug"]["mode"],
            "actions": one["debug"]["actions"],
        }
        for one in answer["decisions"]
    ]


def keeps(new: Json, old: Json) -> bool:
    """Whether an answer has all that an older one had. New fields may come, and floats may differ in the last bits."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(name in new and keeps(new[name], held) for name, held in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(new) == len(old) and all(map(keeps, new, old))
    if isinstance(old, float):
        return bool(new == pytest.approx(old, rel=1e-6))
    return bool(new == old)


async def _export(store_url: str, id: str, command: Path) -> list[Json]:
    output = await run(command, "export", "--visitor", id, "--redis", store_url)
    return [json.loads(line) for line in output.splitlines()]


def _without(tree: Json, names: set[str]) -> Json:
    if isinstance(tree, dict):
        return {name: _without(held, names) for name, held in tree.items() if name not in names}
    return [_without(held, names) for held in tree] if isinstance(tree, list) else tree
