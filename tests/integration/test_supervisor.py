"""The supervisor with real processes: what it starts, starts again, stops, and leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from edgewise.store.embedded_valkey import join_or_start
from tests.eventually import eventually
from tests.integration.processes import Served, children_of, gone, served
from tests.valkey import Valkey
from tests.webhooks.receiver import receiving

POLICY = 'placement = "home-hero"\nbaseline = "plain"\n[[actions]]\nid = "plain"\n[[actions]]\nid = "warm"\n'
QUICK = 'control = { share = 0.0 }\nreward = { window = "200ms", events = { "$click" = 1.0 } }\n'


class Server:
    """A server of the tiny app that listens."""

    def __init__(self, process: Served, url: str, folder: Path) -> None:
        self.process = process
        self.url = url
        self.pid = process.process.pid
        self.folder = folder

    @property
    def store_url(self) -> str:
        return (self.folder / "data" / "store.url").read_text()

    async def get(self, path: str) -> str:
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            response = await client.get(path)
            return response.raise_for_status().text

    def children(self, named: str = "") -> list[int]:
        return [pid for pid, command in children_of(self.pid).items() if named in command]


def environ_in(folder: Path, **environ: str) -> dict[str, str]:
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "home-hero.toml").write_text(POLICY)
    return {
        "EDGEWISE_DATA": str(folder / "data"),
        "EDGEWISE_POLICIES": str(policies),
        "EDGEWISE_PORT": "0",
        "EDGEWISE_WORKERS": "1",
        "EDGEWISE_LEARNER": "false",
        "EDGEWISE_DECIDE_BUDGET": "5s",  # The machine may be busy.
        **environ,
    }


@asynccontextmanager
async def serving(folder: Path, **environ: str) -> AsyncIterator[Server]:
    async with served("-m", "tests.integration.tiny", **environ_in(folder, **environ)) as process:
        url = await process.until(r"Listening on (http://\S+)\. ")
        yield Server(process, url, folder)


async def test_sigterm_stops_everything_in_order_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with serving(tmp_path, EDGEWISE_WORKERS="2") as server:
        children = server.children()
        assert len(children) == 3
        runtime = Path(server.store_url.removeprefix("unix://")).parent
        server.process.tell(signal.SIGTERM)
        assert await server.process.ends() == 0
        await gone(children)
        assert not runtime.exists()
        assert not (tmp_path / "data" / "store.url").exists()


async def test_a_server_that_is_still_starting_stops_too(tmp_path: Path) -> None:
    async with served("-m", "tests.integration.tiny", **environ_in(tmp_path)) as process:
        await process.until("default/home-hero: Published version")
        children = children_of(process.process.pid)
        assert children
        process.tell(signal.SIGTERM)
        assert await process.ends() == 0
        await gone(children)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_request_that_is_under_way_is_answered_before_the_server_stops(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with serving(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        async with client.stream("GET", "/slow?seconds=0.5") as response:
            server.process.tell(number)
            assert await response.aread() == b"begun, done"
        assert await server.process.ends() == 0


async def test_a_second_signal_ends_what_does_not_stop(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        children = server.children()
        os.kill(int(await server.get("/pid")), signal.SIGSTOP)  # It would be waited for for 15 s.
        server.process.tell(signal.SIGTERM)
        await server.process.until("Stopping")
        server.process.tell(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await server.process.ends() == 0
        await gone(children)


async def test_nothing_outlives_a_supervisor_that_is_killed_and_its_data_is_served_again(tmp_path: Path) -> None:
    async with serving(tmp_path, EDGEWISE_WORKERS="2") as server:
        children = server.children()
        runtime = Path(server.store_url.removeprefix("unix://")).parent
        async with Redis.from_url(server.store_url) as store:
            await store.set("acknowledged", "1")
        server.process.tell(signal.SIGKILL)
        await server.process.ends()
        await gone(children)
    async with serving(tmp_path) as server:
        assert not runtime.exists()
        async with Redis.from_url(server.store_url) as store:
            assert await store.get("acknowledged") == b"1"


async def test_a_second_server_on_the_same_data_folder_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        async with served("-m", "edgewise", "serve", **environ_in(tmp_path)) as second:
            assert await second.ends() == 1
            assert (
                f"Error: Edgewise already runs on data folder {tmp_path}/data, as process {first.pid}."
                in second.said[0]
            )
        assert await first.get("/healthz") == "ok"


async def test_a_port_that_is_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with served("-m", "edgewise", "serve", **environ_in(tmp_path, EDGEWISE_PORT=str(port))) as server:
            assert await server.ends() == 1
            assert f"Error: --port: Port {port} of 127.0.0.1 is in use." in server.said[0]


async def test_a_web_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        before = int(await server.get("/pid"))
        os.kill(before, signal.SIGKILL)
        await server.process.until(rf"web worker 1: Process {before} was ended by signal 9\. It restarts in")
        assert int(await server.get("/pid")) in server.children()


async def test_a_valkey_that_dies_is_started_again_on_the_same_data(tmp_path: Path) -> None:
    # With everysec Valkey may hold a write back for as long as the disk is busy with the one before.
    always = serving(tmp_path, EDGEWISE_APPENDFSYNC="always")
    async with always as server, Redis.from_url(server.store_url) as store:
        await store.set("acknowledged", "1")
        [before] = server.children("valkey-server")
        os.kill(before, signal.SIGKILL)
        after = int(await server.process.until(r"valkey: Restarted as process (\d+)"))
        assert after != before
        assert await store.get("acknowledged") == b"1"


async def test_a_server_starts_without_the_store_that_it_is_given_and_publishes_once_that_is_there(
    tmp_path: Path,
) -> None:
    store = Valkey()
    try:
        store.kill()
        async with serving(tmp_path, EDGEWISE_REDIS=store.url) as server:
            assert any("Cannot publish the policies: Store unix://" in line for line in server.process.said)
            assert server.children("valkey-server") == []
            store.restart()
            await server.process.until("default/home-hero: Published version")
    finally:
        store.close()


async def test_a_learner_that_dies_is_started_again(tmp_path: Path) -> None:
    async with serving(tmp_path, EDGEWISE_LEARNER="true") as server:
        [before] = server.children("edgewise learn")
        os.kill(before, signal.SIGKILL)
        after = int(await server.process.until(r"learner: Restarted as process (\d+)"))
        assert await server.process.until(rf" {after} edgewise\.learner\S+ (default/home-hero: Learning from)")
        server.process.tell(signal.SIGTERM)
        assert await server.process.ends() == 0


async def test_a_worker_that_keeps_dying_is_started_later_and_later(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, TINY_APP="tests.integration.tiny:create_broken_app")
    async with served("-m", "tests.integration.tiny", **environ) as process:
        delays = [float(await process.until(r"web worker 1: .* It restarts in ([\d.]+) s")) for _ in range(3)]
        assert delays == sorted(set(delays))
        process.tell(signal.SIGTERM)
        assert await process.ends() == 0


async def test_the_secret_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        key = await server.get("/environ?name=EDGEWISE_SECRET_KEY")
        file = tmp_path / "data" / "secret-key"
        assert any(f"Created a secret key for server-side calls in {file}." in line for line in server.process.said)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() == key
        assert len(key) >= 43
        server.process.tell(signal.SIGTERM)
        await server.process.ends()
    async with serving(tmp_path) as server:
        assert await server.get("/environ?name=EDGEWISE_SECRET_KEY") == key
    async with serving(tmp_path, EDGEWISE_SECRET_KEY="our own") as server:
        assert await server.get("/environ?name=EDGEWISE_SECRET_KEY") == "our own"


async def test_workers_share_a_fresh_folder_for_their_metrics(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        folder = await server.get("/environ?name=PROMETHEUS_MULTIPROC_DIR")
        assert os.listdir(folder) == []
        assert Path(folder).parent == Path(server.store_url.removeprefix("unix://")).parent


async def test_the_policies_are_in_the_store_before_the_server_listens_and_follow_their_files(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, Redis.from_url(server.store_url) as store:
        before = await store.hget("{default:home-hero}:current", "version")
        assert before is not None
        (tmp_path / "policies" / "home-hero.toml").write_text(POLICY.replace("warm", "cold"))
        version = await server.process.until("default/home-hero: Published version ([0-9a-f]{16})")
        assert await store.hget("{default:home-hero}:current", "version") == bytes.fromhex(version) != before


async def test_the_whole_server_decides_learns_and_its_model_is_rebuilt_beside_it_and_after_it(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, EDGEWISE_LEARNER="true")
    (tmp_path / "policies" / "home-hero.toml").write_text(POLICY.replace("[[", QUICK + "[[", 1))
    async with served("-m", "edgewise", "serve", **environ) as process:
        url = await process.until(r"Listening on (http://\S+)\. ")
        async with httpx.AsyncClient(base_url=url) as client:
            decision = await decided(client)
            await clicked(client, decision)
            key = (tmp_path / "data" / "secret-key").read_text().strip()
            await learned(client, key, decisions=1)
        beside = await rebuilt(environ)
        process.tell(signal.SIGTERM)
        assert await process.ends() == 0
    assert beside["decisions learned"] == "1"
    assert beside["published model"] == "equal"
    assert (await rebuilt(environ))["sha256"] == beside["sha256"]
    await forge_model(tmp_path / "data")
    forged = await rebuilt(environ, status=1)
    assert (forged["sha256"], forged["published model"]) == (beside["sha256"], sha256(b"forged").hexdigest())


async def decided(client: httpx.AsyncClient) -> str:
    body = {"writeKey": "default", "anonymousId": "a1", "placements": ["home-hero"], "context": {}}
    [decision] = (await client.post("/v1/decide", json=body)).raise_for_status().json()["decisions"]
    assert decision["group"] == "policy"
    return str(decision["decisionId"])


async def clicked(client: httpx.AsyncClient, decision: str) -> None:
    click = {"type": "track", "event": "$click", "anonymousId": "a1", "properties": {"decisionId": decision}}
    answer = await client.post("/v1/batch", json={"writeKey": "default", "batch": [click]})
    assert answer.raise_for_status().json()["accepted"] == 1


async def learned(client: httpx.AsyncClient, key: str, decisions: int) -> None:
    """Wait until the published model has learned this many."""

    async def has_learned() -> bool:
        answer = await client.get("/v1/policies/home-hero", headers={"Authorization": f"Bearer {key}"})
        model = answer.raise_for_status().json()["model"]
        return model is not None and model["learnedDecisions"] >= decisions

    await eventually(has_learned)


async def forge_model(data: Path) -> None:
    async with join_or_start(data, "everysec") as url, Redis.from_url(url) as store:
        assert await store.hset("{default:home-hero}:checkpoint", "model", b"forged") == 0


async def rebuilt(environ: dict[str, str], status: int = 0) -> dict[str, str]:
    """What `edgewise rebuild` prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgewise", "rebuild", "home-hero"),
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == status
    rows = (line.partition("  ") for line in printed.decode().splitlines())
    return {name: found.strip() for name, _, found in rows}


async def test_a_courier_runs_once_a_site_has_a_webhook_and_ends_with_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert server.children("edgewise courier") == []
        webhook = 'name = "n"\nurl = "https://tool.example/"\nsecret = "$NAME"\nwhen = { "visitor.orders" = 1 }\n'
        (tmp_path / "policies" / "site.toml").write_text(f"[[webhooks]]\n{webhook}")

        async def it_runs() -> bool:
            return len(server.children("edgewise courier")) == 1

        await eventually(it_runs)
        children = server.children()
        server.process.tell(signal.SIGTERM)
        assert await server.process.ends() == 0
        await gone(children)


async def test_what_the_courier_did_is_in_the_metrics_of_the_server(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, EDGEWISE_WEBHOOK_ALLOW_PRIVATE="true", SHOP_SECRET="sixteen or more characters")
    async with receiving() as receiver:
        webhook = f'name = "n"\nurl = "{receiver.url}"\nsecret = "$SHOP_SECRET"\nwhen = {{ "visitor.orders" = 1 }}\n'
        (tmp_path / "policies" / "site.toml").write_text(f"[[webhooks]]\n{webhook}")
        async with served("-m", "edgewise", "serve", **environ) as process:
            url = await process.until(r"Listening on (http://\S+)\. ")
            async with httpx.AsyncClient(base_url=url, timeout=20) as client:
                order = {"writeKey": "default", "event": "Order Completed", "anonymousId": "a1"}
                (await client.post("/v1/track", json=order)).raise_for_status()
                await receiver.wait_for_messages(1)

                async def is_reported() -> bool:
                    told = (await client.get("/metrics")).raise_for_status().text
                    assert 'edgewise_webhook_overdue_seconds{site="default"}' in told
                    sent = 'edgewise_webhook_messages_total{result="sent",site="default",webhook="n"} 1.0'
                    return sent in told

                await eventually(is_reported)
            process.tell(signal.SIGTERM)
            assert await process.ends() == 0
