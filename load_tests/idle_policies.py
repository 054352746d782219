"""Measures servers with many idle policies: the time until they serve, and the memory of all their processes.

It starts `edgewise serve` with two workers, as a site owner does. Memory is PSS, so shared pages count once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter

from msgspec import Struct

from load_tests.real_server import LEARNER, WORKER, memory_by_part, serve, wait_until_ready

WORKERS = 2
ACTIONS = 5

_TIMEOUT = 60.0  # Seconds.
_MEGABYTE = 1 << 20


class IdlePolicies(Struct, frozen=True):
    """A server with `policies` policies on `sites` sites, in seconds and megabytes.

    `learner` and `worker` are of one policy: the growth from a server with one policy to this one, for each policy.
    """

    policies: int
    sites: int
    start: float
    total: float
    learner: float
    worker: float


async def measure(folder: Path, sites: int, policies: int) -> IdlePolicies:
    """Measure a server with so many sites, each with an equal share of the policies.

    Raises:
        MeasurementError: the server does not serve in a minute.
    """
    _, alone = await _run(folder / "one", 1, 1)
    start, many = await _run(folder / "many", sites, policies // sites)
    grown = {part: (many[part] - alone[part]) / (sites * (policies // sites) - 1) for part in (LEARNER, WORKER)}
    total = sum(many.values()) / _MEGABYTE
    return IdlePolicies(policies, sites, start, total, grown[LEARNER] / _MEGABYTE, grown[WORKER] / WORKERS / _MEGABYTE)


async def _run(folder: Path, sites: int, policies: int) -> tuple[float, dict[str, int]]:
    """The seconds until a new server is ready, and then the bytes of its processes, by part."""
    for site in range(sites):
        write_site(folder / "policies" / f"site-{site}", f"site-{site}", policies)
    began = perf_counter()
    async with serve(folder, WORKERS) as (pid, url):
        await wait_until_ready(url, f"site-{sites - 1}-key")
        seconds = perf_counter() - began
        await _wait_until_learning(folder / "log", sites * policies)
        memory = memory_by_part(pid)
    return seconds, memory


async def _wait_until_learning(log: Path, policies: int) -> None:
    """Wait until the learner has taken over every policy."""
    async with asyncio.timeout(_TIMEOUT):
        while True:
            if _read(log).count("Learning from log position") >= policies:
                return
            await asyncio.sleep(0.05)


def _read(file: Path) -> str:
    return file.read_text()


def write_site(folder: Path, name: str, policies: int) -> None:
    folder.mkdir(parents=True)
    (folder / "site.toml").write_text(f'name = "{name}"\nwrite_key = "{name}-key"\norigins = ["*"]\n')
    for number in range(policies):
        (folder / f"placement-{number}.toml").write_text(_policy(number))


def _policy(number: int) -> str:
    head = f'placement = "placement-{number}"\nbaseline = "action-0"\n'
    return head + "".join(
        f'[[actions]]\nid = "action-{action}"\nfeatures = {{ discount = {action} }}\n'
        f'payload = {{ headline = "Headline {action}", href = "/sale/{action}" }}\n'
        'when = { "device.type" = { "$in" = ["mobile", "desktop", "tablet"] } }\n'
        * (action > 1)
        or f'[[actions]]\nid = "action-{action}"\npayload = {{ headline = "Headline {action}" }}\n'
        for action in range(ACTIONS)
    )
