"""Restarts under steady traffic: of everything behind the socket, of a socket's server, and for good."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
import sys
from pathlib import Path

from tests.integration.processes import LoggedProcess, wait_until_gone
from tests.integration.service import run_service
from tests.integration.steady_traffic import steady_traffic
from tests.integration.test_supervisor import environ_in, run_server

DECIDE = {"writeKey": "default", "placements": ["hero"], "anonymousId": "ann"}


async def test_reload_replaces_workers_and_learner_and_fails_no_request(tmp_path: Path) -> None:
    async with run_service(tmp_path) as service:
        before = {*service.pids("edgewise.processes.worker"), *service.pids("edgewise learn")}
        [valkey] = service.pids("valkey-server")
        assert len(before) == 3
        async with steady_traffic(service.url, method="POST", url="/v1/decide", json=DECIDE) as traffic:
            await service.reload()
            await wait_until_gone(before)
            await traffic.wait_for(20)
        assert traffic.failures == {}
        assert traffic.responses.keys() == {200}
        after = {*service.pids("edgewise.processes.worker"), *service.pids("edgewise learn")}
        assert not before & after
        assert service.pids("valkey-server") == [valkey]
        assert service.log.count("Replaced by process") == 3
        await service.stop()


async def test_reload_keeps_the_old_worker_if_the_new_one_does_not_start(tmp_path: Path) -> None:
    app = tmp_path / "changed_app.py"
    app.write_text("from tests.integration.minimal_app import create_app")
    environ = {"MINIMAL_APP": "changed_app:create_app", "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"}
    async with run_server(tmp_path, **environ) as server:
        before = await server.get("/pid")
        app.write_text("raise RuntimeError('A broken upgrade')")
        server.process.send_signal(signal.SIGHUP)
        await server.process.wait_for("web worker 1: The replacement failed: .* The old one continues")
        assert await server.get("/pid") == before
        app.write_text("from tests.integration.minimal_app import create_app")
        server.process.send_signal(signal.SIGHUP)
        after = await server.process.wait_for(r"web worker 1: Replaced by process (\d+)")
        await wait_until_gone([int(before)])
        assert await server.get("/pid") == after


async def test_restart_behind_a_passed_socket_fails_no_request(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        first = await _start_with_socket(tmp_path, listening)
        async with steady_traffic(url, method="GET", url="/pid") as traffic:
            first.send_signal(signal.SIGTERM)
            assert await first.wait() == 0
            second = await _start_with_socket(tmp_path, listening)
            await traffic.wait_for(20)
        second.send_signal(signal.SIGTERM)
        assert await second.wait() == 0
    assert traffic.failures == {}
    assert traffic.responses.keys() == {200}


async def test_stop_answers_every_connection_or_refuses_it(tmp_path: Path) -> None:
    async with (
        run_server(tmp_path, EDGEWISE_WORKERS="2") as server,
        steady_traffic(server.url, method="GET", url="/pid") as traffic,
    ):
        server.process.send_signal(signal.SIGTERM)
        assert await server.process.wait() == 0
    assert traffic.failures.keys() <= {"refused"}


async def test_a_closed_terminal_stops_the_server(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.minimal_app"), env={**os.environ, **environ_in(tmp_path)}, stderr=end
    )
    os.close(end)
    output = b""
    while b"Listening on" not in output:
        output += await asyncio.to_thread(os.read, terminal, 4096)
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(60):
        assert await process.wait() == 0


async def test_something_else_than_one_socket_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        process = await _start_with_descriptor(tmp_path, file.fileno())
        assert await process.wait() == 1
    assert "Expected one TCP socket from systemd" in process.output[-1]


async def _start_with_socket(folder: Path, listening: socket.socket) -> LoggedProcess:
    process = await _start_with_descriptor(folder, listening.fileno())
    await process.wait_for(r"Listening on (http://\S+)\. ")
    return process


async def _start_with_descriptor(folder: Path, descriptor: int) -> LoggedProcess:
    """Start the minimal server as systemd does: with its descriptor as number 3, and its own process id."""
    activate = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", activate + "os.execv(sys.argv[2], sys.argv[2:])", str(descriptor)),
        *(sys.executable, "-m", "tests.integration.minimal_app"),
        env={**os.environ, **environ_in(folder), "LISTEN_FDS": "1"},
        pass_fds=[descriptor],
        stderr=asyncio.subprocess.PIPE,
    )
    return LoggedProcess(process)
