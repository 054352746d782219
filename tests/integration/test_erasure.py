"""Erasure in the real service, requested during traffic, while parts of the service are killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx

from edgewise.errors import StoreUnavailable
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Store
from tests.eventually import eventually
from tests.integration.chaos_rounds import rounds
from tests.integration.chaos_shop import CLICK, ORDER, REFS, SITE
from tests.integration.service import SECRET, Part, Service, kill_process, run_service, store_of
from tests.stored_bytes import read_files

ANN = (anonymous_digest("ann's phone"), user_digest("ann"))


PARTS: tuple[Part, ...] = ("edgewise learn", "valkey-server", "edgewise.processes.worker")


async def visit(client: httpx.AsyncClient, anonymous: str, user: str | None = None) -> list[str]:
    """Decide both placements, click and order. Return the groups of the decisions."""
    who = {"anonymousId": anonymous, "userId": user}
    answer = await client.post("/v1/decide", json={"writeKey": "default", "placements": ["hero", "row"], **who})
    decisions = answer.raise_for_status().json()["decisions"]
    messages = [
        {"type": "track", "event": event, "properties": {"decisionId": one["decisionId"]}, **who}
        for one in decisions
        if one["decisionId"]
        for event in ("$impression", CLICK)
    ]
    order = {"type": "track", "event": ORDER, "properties": {"revenue": 10}, **who}
    (await client.post("/v1/batch", json={"writeKey": "default", "batch": [*messages, order]})).raise_for_status()
    return [one["group"] for one in decisions]


@asynccontextmanager
async def run_visits(service: Service, groups: list[str]) -> AsyncIterator[None]:
    """Run other visitors' visits until the end of the block, and until there are at least 20."""
    stop, enough = asyncio.Event(), len(groups) + 20

    async def repeat_visits() -> None:
        async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
            number = 0
            while not stop.is_set() or len(groups) < enough:
                number += 1
                try:
                    groups.extend(await visit(client, f"other visitor {number % 20}"))
                except httpx.HTTPError:  # A worker or the store was killed. The visitors come again.
                    groups.append("unanswered")
                    await asyncio.sleep(0.05)

    task = asyncio.create_task(repeat_visits())
    try:
        yield
    finally:
        stop.set()
        await task


async def erase(service: Service, id: str) -> tuple[int, str]:
    """The status and output of `edgewise erase --now` beside the running service."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgewise", "erase", id, "--now", "--data", str(service.folder / "data")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    status = process.returncode
    assert status is not None
    return status, (output + errors).decode()


async def is_erased(store: Store) -> bool:
    pending = (await store.erasures.pending([SITE]))[SITE]
    return not (pending.waiting or pending.folding or pending.rewrite)


async def is_ready_to_rebuild(store: Store) -> bool:
    return not any([await store.checkpoints.needs_new_fold(ref) for ref in REFS])


async def every_key_and_value(store: Store) -> bytes:
    client = store._client
    keys = [key async for key in client.scan("*")]
    return b"".join([key.encode() + (await client.execute(("DUMP", key)) or b"") for key in keys])


def traces(content: bytes) -> list[bytes]:
    return [trace for one in ANN for trace in (one, one.hex().encode()) if trace in content]


async def is_learned(store: Store) -> bool:
    heads = await store.checkpoints.heads(REFS)
    return len(heads) == len(REFS) and all(head.newest_close for head in heads.values())


async def test_erasure_removes_a_visitor_from_store_and_disk_during_traffic(tmp_path: Path) -> None:
    groups: list[str] = []
    files = tmp_path / "service" / "data" / "valkey"

    async def is_gone() -> bool:  # Valkey deletes the old files after its reply.
        return traces(read_files(files)) == []

    # A late response on a busy machine must not be a fallback.
    async with run_service(tmp_path / "service", decide_budget="10s") as service, store_of(service) as store:
        await store._client.execute(("CONFIG SET", "rdbcompression", "no"))  # Compressed data would hide from the scan.
        async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
            for _ in range(5):
                await visit(client, "ann's phone", "ann")
        await eventually(lambda: is_learned(store))
        assert len(traces(await every_key_and_value(store))) == 4, (
            "The scan does not find the visitor before the erasure."
        )
        assert traces(read_files(files))
        async with run_visits(service, groups):
            status, output = await erase(service, "ann")
            assert status == 0, output
            assert output == f"profiles of {SITE}: erased\nlog and models: erased\n"
            await eventually(lambda: is_erased(store))
        assert traces(await every_key_and_value(store)) == []
        await eventually(is_gone)
        for ref in REFS:
            assert "equal" in await service.rebuild(ref.placement)
    assert set(groups) <= {"policy", "control"}, "An erasure must not cause fallbacks."


@rounds(quick=2, many=20)
async def test_an_erasure_completes_despite_killed_processes(tmp_path: Path, chance: Random, rounds: int) -> None:
    groups: list[str] = []
    async with run_service(tmp_path / "service", appendfsync="always") as service, store_of(service) as store:
        bearer = {"authorization": f"Bearer {SECRET}"}
        async with httpx.AsyncClient(base_url=service.url, headers=bearer, timeout=30) as client:
            for _ in range(rounds):
                await retry_until_answered(lambda: visit(client, "ann's phone", "ann"))
                async with run_visits(service, groups):
                    await retry_until_answered(lambda: request_erasure(client, "ann"))
                    for part in chance.choices(PARTS, k=2):
                        await asyncio.sleep(chance.uniform(0.0, 0.7))
                        for pid in service.pids(part):
                            kill_process(pid)
                    await eventually(lambda: _is_erased_and_rebuildable(store))
                await eventually(lambda: _is_erased_and_rebuildable(store))
                assert traces(await every_key_and_value(store)) == []
        for ref in REFS:
            assert "equal" in await service.rebuild(ref.placement)
    assert "policy" in groups


async def request_erasure(client: httpx.AsyncClient, id: str) -> None:
    answer = await client.delete(f"/v1/profiles/{id}?now=true")
    assert answer.raise_for_status().status_code == 202


async def retry_until_answered(call: Callable[[], Awaitable[object]]) -> None:
    """Retry until there is a response, because killed processes may still be restarting."""

    async def is_answered() -> bool:
        try:
            await call()
        except httpx.HTTPError:
            return False
        return True

    await eventually(is_answered)


async def _is_erased_and_rebuildable(store: Store) -> bool:
    """Whether everything is erased. An unavailable store counts as False."""
    try:
        return await is_erased(store) and await is_ready_to_rebuild(store)
    except StoreUnavailable:
        return False
