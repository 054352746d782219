"""A whole installation under a key prefix, with a user of the store who may use nothing else."""

from __future__ import annotations

from pathlib import Path

import httpx
import redis

from tests.eventually import eventually
from tests.integration.processes import run_process
from tests.integration.test_supervisor import QUICK, environ_in
from tests.valkey import Valkey

PREFIX = "shop:"


async def test_installation_needs_no_key_outside_of_its_prefix(tmp_path: Path) -> None:
    valkey = Valkey("--appendonly", "yes")
    try:
        valkey.execute(f"ACL SETUSER edgewise on >s%cret ~{PREFIX}* +@all -@admin -@dangerous +info")
        url = valkey.url.replace("unix://", "unix://edgewise:s%25cret@")
        environ = environ_in(tmp_path, EDGEWISE_REDIS=url, EDGEWISE_KEY_PREFIX=PREFIX, EDGEWISE_LEARNER="true")
        policy = tmp_path / "policies" / "home-hero.toml"
        policy.write_text(policy.read_text().replace("[[", QUICK + "[[", 1))
        async with run_process("-m", "edgewise", "serve", **environ) as process:
            address = await process.wait_for(r"Listening on (http://\S+)\. ")
            async with httpx.AsyncClient(base_url=address) as client:
                await _visit(client)
                secret = (tmp_path / "data" / "secret-key").read_text().strip()

                async def is_learned() -> bool:
                    found = await client.get("/v1/policies/home-hero", headers={"authorization": f"Bearer {secret}"})
                    return found.json()["model"] is not None and found.json()["model"]["learnedDecisions"] == 1

                await eventually(is_learned)
            for command in (("export", "--visitor", "ann"), ("rebuild", "home-hero"), ("erase", "ann", "--now")):
                async with run_process("-m", "edgewise", *command, **environ) as run:
                    assert await run.wait() == 0, run.output

            def kept() -> set[bytes]:
                with redis.Redis.from_url(valkey.url) as store:
                    return set(store.scan_iter())

            async def is_erased() -> bool:
                return not any(key.endswith(b":p") or key.endswith(b":erasures") for key in kept())

            await eventually(is_erased)
            assert kept()
            assert all(key.startswith(PREFIX.encode()) for key in kept())
    finally:
        valkey.close()


async def _visit(client: httpx.AsyncClient) -> None:
    body = {"writeKey": "default", "placements": ["home-hero"], "anonymousId": "ann"}
    decided = (await client.post("/v1/decide", json=body)).json()["decisions"][0]
    properties = {"decisionId": decided["decisionId"]}
    batch = [
        {"type": "track", "event": event, "anonymousId": "ann", "properties": properties}
        for event in ("$impression", "$click")
    ]
    accepted = await client.post("/v1/batch", json={"writeKey": "default", "batch": batch})
    assert accepted.json()["rejected"] == []
