"""The supervisor with real processes: starting, restarting and stopping them."""

from __future__ import annotations

import asyncio
import os
import resource
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
from redis.exceptions import ResponseError

from edgewise.store.embedded_valkey import join_or_start
from tests.eventually import eventually
from tests.integration.processes import LoggedProcess, children_of, run_process, wait_until_gone
from tests.valkey import Valkey
from tests.webhooks.receiver import receiving

POLICY = 'placement = "home-hero"\nbaseline = "plain"\n[[actions]]\nid = "plain"\n[[actions]]\nid = "warm"\n'
QUICK = 'control = { share = 0.0 }\nreward = { window = "200ms", events = { "$click" = 1.0 } }\n'


class MinimalServer:
    """A running server with the minimal app."""

    def __init__(self, process: LoggedProcess, url: str, folder: Path) -> None:
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
async def run_server(folder: Path, **environ: str) -> AsyncIterator[MinimalServer]:
    async with run_process("-m", "tests.integration.minimal_app", **environ_in(folder, **environ)) as process:
        url = await process.wait_for(r"Listening on (http://\S+)\. ")
        yield MinimalServer(process, url, folder)


async def test_sigterm_stops_all_processes_and_removes_the_runtime_folder(tmp_path: Path) -> None:
    async with run_server(tmp_path, EDGEWISE_WORKERS="2") as server:
        children = server.children()
        assert len(children) == 3
        runtime = Path(server.store_url.removeprefix("unix://")).parent
        server.process.send_signal(signal.SIGTERM)
        assert await server.process.wait() == 0
        await wait_until_gone(children)
        assert not runtime.exists()
        assert not (tmp_path / "data" / "store.url").exists()


async def test_a_starting_server_stops_on_sigterm(tmp_path: Path) -> None:
    async with run_process("-m", "tests.integration.minimal_app", **environ_in(tmp_path)) as process:
        await process.wait_for("default/home-hero: Published version")
        children = children_of(process.process.pid)
        assert children
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        await wait_until_gone(children)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
async def test_a_pending_request_is_answered_before_the_server_stops(tmp_path: Path, number: signal.Signals) -> None:
    async with run_server(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        async with client.stream("GET", "/slow?seconds=0.5") as response:
            server.process.send_signal(signal.SIGUSR1)
            await server.process.wait_for("Ignored a signal without a meaning")
            server.process.send_signal(number)
            assert await response.aread() == b"begun, done"
        assert await server.process.wait() == 0


async def test_a_second_signal_kills_processes_that_do_not_stop(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        children = server.children()
        os.kill(int(await server.get("/pid")), signal.SIGSTOP)  # The supervisor would wait 15 s for it.
        server.process.send_signal(signal.SIGTERM)
        await server.process.wait_for("Stopping")
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await server.process.wait() == 0
        await wait_until_gone(children)


async def test_a_stop_with_a_full_disk_is_an_error(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        [valkey] = server.children("valkey-server")
        [file] = (tmp_path / "data" / "valkey" / "appendonlydir").glob("*.incr.aof")
        resource.prlimit(valkey, resource.RLIMIT_FSIZE, (file.stat().st_size, resource.RLIM_INFINITY))
        async with Redis.from_url(server.store_url) as store:

            async def is_refused() -> bool:
                try:
                    await store.set("acknowledged", "1")
                except ResponseError as error:
                    return "MISCONF" in str(error)
                return False

            await eventually(is_refused)
        server.process.send_signal(signal.SIGTERM)
        assert await server.process.wait() == 1
        assert "did not take the last writes" in server.process.output[-1]


async def test_children_of_a_killed_supervisor_end_and_its_data_can_be_served_again(tmp_path: Path) -> None:
    async with run_server(tmp_path, EDGEWISE_WORKERS="2") as server:
        children = server.children()
        runtime = Path(server.store_url.removeprefix("unix://")).parent
        async with Redis.from_url(server.store_url) as store:
            await store.set("acknowledged", "1")
        server.process.send_signal(signal.SIGKILL)
        await server.process.wait()
        await wait_until_gone(children)
    async with run_server(tmp_path) as server:
        assert not runtime.exists()
        async with Redis.from_url(server.store_url) as store:
            assert await store.get("acknowledged") == b"1"


async def test_a_second_server_on_the_same_data_folder_is_an_error(tmp_path: Path) -> None:
    async with run_server(tmp_path) as first:
        async with run_process("-m", "edgewise", "serve", **environ_in(tmp_path)) as second:
            assert await second.wait() == 1
            assert (
                f"Error: Edgewise already runs on data folder {tmp_path}/data, as process {first.pid}."
                in second.output[0]
            )
        assert await first.get("/healthz") == "ok"


async def test_a_port_in_use_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with run_process("-m", "edgewise", "serve", **environ_in(tmp_path, EDGEWISE_PORT=str(port))) as server:
            assert await server.wait() == 1
            assert f"Error: --port: Port {port} of 127.0.0.1 is in use." in server.output[0]


async def test_a_killed_web_worker_is_restarted(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        before = int(await server.get("/pid"))
        os.kill(before, signal.SIGKILL)
        await server.process.wait_for(rf"web worker 1: Process {before} was ended by signal 9 .*It restarts in")
        assert int(await server.get("/pid")) in server.children()


async def test_a_killed_valkey_is_restarted_with_its_data(tmp_path: Path) -> None:
    # With everysec, Valkey may delay a write while the disk is busy.
    always = run_server(tmp_path, EDGEWISE_APPENDFSYNC="always")
    async with always as server, Redis.from_url(server.store_url) as store:
        await store.set("acknowledged", "1")
        [before] = server.children("valkey-server")
        os.kill(before, signal.SIGKILL)
        after = int(await server.process.wait_for(r"valkey: Restarted as process (\d+)"))
        assert after != before
        assert await store.get("acknowledged") == b"1"


async def test_a_server_starts_without_its_external_store_and_publishes_later(
    tmp_path: Path,
) -> None:
    store = Valkey()
    try:
        store.kill()
        async with run_server(tmp_path, EDGEWISE_REDIS=store.url) as server:
            assert any("Cannot publish the policies: Store unix://" in line for line in server.process.output)
            assert server.children("valkey-server") == []
            store.restart()
            await server.process.wait_for("default/home-hero: Published version")
    finally:
        store.close()


async def test_a_store_that_would_lose_data_is_an_error(tmp_path: Path) -> None:
    store = Valkey("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    try:
        async with run_process("-m", "edgewise", "serve", **environ_in(tmp_path, EDGEWISE_REDIS=store.url)) as server:
            assert await server.wait() == 1
            assert "Run: CONFIG SET maxmemory-policy noeviction" in server.output[-1]
    finally:
        store.close()


async def test_a_store_that_starts_later_is_checked_then(tmp_path: Path) -> None:
    store = Valkey("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    try:
        store.kill()
        async with run_server(tmp_path, EDGEWISE_REDIS=store.url) as server:
            store.restart()
            await server.process.wait_for(r"ERROR .* deletes any key .* Run: CONFIG SET maxmemory-policy noeviction")
    finally:
        store.close()


async def test_a_killed_learner_is_restarted(tmp_path: Path) -> None:
    async with run_server(tmp_path, EDGEWISE_LEARNER="true") as server:
        [before] = server.children("edgewise learn")
        os.kill(before, signal.SIGKILL)
        after = int(await server.process.wait_for(r"learner: Restarted as process (\d+)"))
        assert await server.process.wait_for(rf" {after} edgewise\.learner\S+ (default/home-hero: Learning from)")
        server.process.send_signal(signal.SIGTERM)
        assert await server.process.wait() == 0


async def test_restarts_of_a_failing_worker_are_delayed_more_and_more(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, MINIMAL_APP="tests.integration.minimal_app:create_broken_app")
    async with run_process("-m", "tests.integration.minimal_app", **environ) as process:
        delays = [float(await process.wait_for(r"web worker 1: .* It restarts in ([\d.]+) s")) for _ in range(3)]
        assert delays == sorted(set(delays))
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_the_secret_key_is_created_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        key = await server.get("/environ?name=EDGEWISE_SECRET_KEY")
        file = tmp_path / "data" / "secret-key"
        assert any(f"Created a secret key for server-side calls in {file}." in line for line in server.process.output)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() == key
        assert len(key) >= 43
        server.process.send_signal(signal.SIGTERM)
        await server.process.wait()
    async with run_server(tmp_path) as server:
        assert await server.get("/environ?name=EDGEWISE_SECRET_KEY") == key
    async with run_server(tmp_path, EDGEWISE_SECRET_KEY="our-own-2f6a91c0") as server:
        assert await server.get("/environ?name=EDGEWISE_SECRET_KEY") == "our-own-2f6a91c0"


async def test_workers_share_a_folder_for_their_metrics_and_leave_one_file_of_a_kind(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        folder = await server.get("/environ?name=PROMETHEUS_MULTIPROC_DIR")
        before = int(await server.get("/pid"))
        assert {name.partition("_")[2] for name in os.listdir(folder)} == {f"{before}.db"}
        os.kill(before, signal.SIGKILL)
        after = await server.process.wait_for(r"web worker 1: Restarted as process (\d+)")
        await server.get("/pid")
        assert {name.partition("_")[2] for name in os.listdir(folder)} == {"ended.db", f"{after}.db"}
        assert Path(folder).parent == Path(server.store_url.removeprefix("unix://")).parent


async def test_policies_are_published_before_the_server_listens_and_after_edits(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server, Redis.from_url(server.store_url) as store:
        before = await store.hget("{default:home-hero}:current", "version")
        assert before is not None
        (tmp_path / "policies" / "home-hero.toml").write_text(POLICY.replace("warm", "cold"))
        version = await server.process.wait_for("default/home-hero: Published version ([0-9a-f]{16})")
        assert await store.hget("{default:home-hero}:current", "version") == bytes.fromhex(version) != before


async def test_the_whole_server_decides_learns_and_can_be_rebuilt(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, EDGEWISE_LEARNER="true")
    (tmp_path / "policies" / "home-hero.toml").write_text(POLICY.replace("[[", QUICK + "[[", 1))
    async with run_process("-m", "edgewise", "serve", **environ) as process:
        url = await process.wait_for(r"Listening on (http://\S+)\. ")
        async with httpx.AsyncClient(base_url=url) as client:
            decision = await decide(client)
            await click(client, decision)
            key = (tmp_path / "data" / "secret-key").read_text().strip()
            await wait_until_learned(client, key, decisions=1)
        rebuilt = await run_rebuild(environ)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert rebuilt["decisions learned"] == "1"
    assert rebuilt["published model"] == "equal"
    assert (await run_rebuild(environ))["sha256"] == rebuilt["sha256"]
    await forge_model(tmp_path / "data")
    forged = await run_rebuild(environ, status=1)
    assert (forged["sha256"], forged["published model"]) == (rebuilt["sha256"], sha256(b"forged").hexdigest())


async def decide(client: httpx.AsyncClient) -> str:
    body = {"writeKey": "default", "anonymousId": "a1", "placements": ["home-hero"], "context": {}}
    [decision] = (await client.post("/v1/decide", json=body)).raise_for_status().json()["decisions"]
    assert decision["group"] == "policy"
    return str(decision["decisionId"])


async def click(client: httpx.AsyncClient, decision: str) -> None:
    click = {"type": "track", "event": "$click", "anonymousId": "a1", "properties": {"decisionId": decision}}
    answer = await client.post("/v1/batch", json={"writeKey": "default", "batch": [click]})
    assert answer.raise_for_status().json()["accepted"] == 1


async def wait_until_learned(client: httpx.AsyncClient, key: str, decisions: int) -> None:
    """Wait until the published model has learned from this many decisions."""

    async def has_learned() -> bool:
        answer = await client.get("/v1/policies/home-hero", headers={"Authorization": f"Bearer {key}"})
        model = answer.raise_for_status().json()["model"]
        return model is not None and model["learnedDecisions"] >= decisions

    await eventually(has_learned)


async def forge_model(data: Path) -> None:
    async with join_or_start(data, "everysec") as url, Redis.from_url(url) as store:
        assert await store.hset("{default:home-hero}:checkpoint", "model", b"forged") == 0


async def run_rebuild(environ: dict[str, str], status: int = 0) -> dict[str, str]:
    """The output of `edgewise rebuild`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgewise", "rebuild", "home-hero"),
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == status
    rows = (line.partition("  ") for line in printed.decode().splitlines())
    return {name: found.strip() for name, _, found in rows}


async def test_the_courier_starts_with_the_first_webhook_and_ends_with_the_server(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        assert server.children("edgewise courier") == []
        webhook = 'name = "n"\nurl = "https://tool.example/"\nsecret = "$NAME"\nwhen = { "visitor.orders" = 1 }\n'
        (tmp_path / "policies" / "site.toml").write_text(f"[[webhooks]]\n{webhook}")

        async def courier_runs() -> bool:
            return len(server.children("edgewise courier")) == 1

        await eventually(courier_runs)
        children = server.children()
        server.process.send_signal(signal.SIGTERM)
        assert await server.process.wait() == 0
        await wait_until_gone(children)


async def test_the_metrics_of_the_server_include_the_courier(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, EDGEWISE_WEBHOOK_ALLOW_PRIVATE="true", SHOP_SECRET="sixteen or more characters")
    async with receiving() as receiver:
        webhook = f'name = "n"\nurl = "{receiver.url}"\nsecret = "$SHOP_SECRET"\nwhen = {{ "visitor.orders" = 1 }}\n'
        (tmp_path / "policies" / "site.toml").write_text(f"[[webhooks]]\n{webhook}")
        async with run_process("-m", "edgewise", "serve", **environ) as process:
            url = await process.wait_for(r"Listening on (http://\S+)\. ")
            async with httpx.AsyncClient(base_url=url, timeout=20) as client:
                order = {"writeKey": "default", "event": "Order Completed", "anonymousId": "a1"}
                (await client.post("/v1/track", json=order)).raise_for_status()
                await receiver.wait_for_messages(1)

                async def is_reported() -> bool:
                    metrics = (await client.get("/metrics")).raise_for_status().text
                    assert 'edgewise_webhook_overdue_seconds{site="default"}' in metrics
                    sent = 'edgewise_webhook_messages_total{result="sent",site="default",webhook="n"} 1.0'
                    return sent in metrics

                await eventually(is_reported)
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
