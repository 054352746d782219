"""The embedded Valkey and the data folder that it lives in, with real servers."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from edgewise.errors import DataFolderLocked, ProcessFailed, StoreUnavailable
from edgewise.store.data_folder import DataFolder, running_store_url
from edgewise.store.embedded_valkey import EmbeddedValkey, join_or_start
from tests.eventually import eventually
from tests.integration.processes import run_process, wait_until_gone

HOLDER = """
import asyncio, sys
from pathlib import Path
from edgewise.store.embedded_valkey import EmbeddedValkey
from edgewise.store.data_folder import DataFolder

async def main():
    async with DataFolder.locked(Path(sys.argv[1])) as folder:
        valkey = EmbeddedValkey(folder, "everysec")
        await valkey.start()
        folder.announce(valkey.url)
        print("valkey is", valkey.pid, file=sys.stderr, flush=True)
        await valkey.wait()

asyncio.run(main())
"""


@asynccontextmanager
async def embedded(data: Path, appendfsync: str = "everysec") -> AsyncIterator[EmbeddedValkey]:
    async with DataFolder.locked(data) as folder:
        valkey = EmbeddedValkey(folder, appendfsync)
        await valkey.start()
        try:
            yield valkey
        finally:
            await valkey.stop()


def client(valkey: EmbeddedValkey) -> Redis:
    return Redis.from_url(valkey.url, decode_responses=True)


def append_only_file(data: Path) -> Path:
    [file] = (data / "valkey" / "appendonlydir").glob("*.incr.aof")
    return file


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        await redis.set("colour", "blue")
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        assert await redis.get("colour") == "blue"


@pytest.mark.parametrize("appendfsync", ["everysec", "always"])
async def test_embedded_valkey_has_durable_options_and_no_port(tmp_path: Path, appendfsync: str) -> None:
    async with embedded(tmp_path, appendfsync) as valkey, client(valkey) as redis:
        expected = {"appendonly": "yes", "appendfsync": appendfsync, "save": "", "port": "0", "maxmemory": "0"}
        assert await redis.config_get(*expected) == expected


@pytest.mark.parametrize("name", ["a folder with 'quotes' and \"blanks\"", "long" * 60])
async def test_the_data_folder_may_have_any_name_and_the_socket_a_short_one(tmp_path: Path, name: str) -> None:
    async with embedded(tmp_path / name) as valkey, client(valkey) as redis:
        assert await redis.ping()
        assert (await redis.config_get("dir"))["dir"] == str(tmp_path / name / "valkey")
        assert len(valkey.url.removeprefix("unix://")) <= 103


async def test_only_its_user_can_reach_it(tmp_path: Path) -> None:
    async with embedded(tmp_path / "data") as valkey:
        socket = Path(valkey.url.removeprefix("unix://"))
        for path in (socket, socket.parent, tmp_path / "data", tmp_path / "data" / "valkey"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700


async def test_a_start_waits_until_all_is_loaded(tmp_path: Path) -> None:
    async with embedded(tmp_path):
        pass
    with append_only_file(tmp_path).open("ab") as file:
        for number in range(200_000):
            file.write(b"*3\r\n$3\r\nSET\r\n$6\r\n%06d\r\n$1\r\nx\r\n" % number)
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        assert await redis.dbsize() == 200_000


async def test_an_entry_that_was_cut_off_when_the_machine_died_is_dropped(tmp_path: Path) -> None:
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        await redis.set("colour", "blue")
    with append_only_file(tmp_path).open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$6\r\ncolour\r\n$3\r\nre")
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        assert await redis.get("colour") == "blue"


async def fill_disk(valkey: EmbeddedValkey, data: Path) -> set[str]:
    """Let the server's file grow no more, as on a full disk. Write until it refuses, and return the acknowledged keys.

    It may write later than it acknowledges, while the disk is busy.
    """
    acknowledged: set[str] = set()
    async with client(valkey) as redis:

        async def is_written() -> bool:
            return bool((await redis.info("persistence"))["aof_buffer_length"] == 0)

        async def is_refused() -> bool:
            key = f"key-{len(acknowledged)}"
            try:
                await redis.set(key, "1")
            except ResponseError as error:
                return "MISCONF" in str(error)
            acknowledged.add(key)
            return False

        await eventually(is_written)
        limit = append_only_file(data).stat().st_size
        resource.prlimit(valkey.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        await eventually(is_refused)
    assert acknowledged
    return acknowledged


async def test_a_stop_reports_acknowledged_writes_that_a_full_disk_did_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.store.embedded_valkey.WRITE_WITHIN", 0.5)
    async with DataFolder.locked(tmp_path) as folder:
        valkey = EmbeddedValkey(folder, "everysec")
        await valkey.start()
        async with client(valkey) as redis:
            await redis.set("before", "1")
        await fill_disk(valkey, tmp_path)
        with pytest.raises(ProcessFailed, match=r"/valkey did not take the last writes \(\d+ bytes\)"):
            await valkey.stop()
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        assert await redis.keys() == ["before"]


async def test_a_stop_waits_for_space_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def free_space(valkey: EmbeddedValkey) -> None:
        async def is_reported() -> bool:
            return "bytes of acknowledged writes are not on it. Free some space now." in caplog.text

        await eventually(is_reported)
        resource.prlimit(valkey.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    async with embedded(tmp_path) as valkey:
        acknowledged = await fill_disk(valkey, tmp_path)
        freeing = asyncio.create_task(free_space(valkey))
    await freeing
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        assert {*await redis.keys()} == acknowledged


async def test_a_server_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    async with embedded(tmp_path):
        pass
    append_only_file(tmp_path).write_bytes(b"nonsense\r\n*1\r\n")
    with pytest.raises(StoreUnavailable, match=r"(?s)Valkey ended with status 1 .*Bad file format"):
        async with embedded(tmp_path):
            pass
    async with DataFolder.locked(tmp_path):
        pass  # The failed start holds nothing.


async def test_locked_data_folder_is_refused_with_its_process(tmp_path: Path) -> None:
    async with DataFolder.locked(tmp_path):
        with pytest.raises(
            DataFolderLocked, match=f"Edgewise already runs on data folder {tmp_path}, as process {os.getpid()}"
        ):
            async with DataFolder.locked(tmp_path):
                pass
    async with DataFolder.locked(tmp_path):
        pass


async def test_a_valkey_whose_supervisor_was_killed_ends_in_order_and_frees_the_folder(tmp_path: Path) -> None:
    async with run_process("-c", HOLDER, str(tmp_path)) as holder:
        valkey = int(await holder.wait_for(r"valkey is (\d+)"))
        async with Redis.from_url(await running_store_url(tmp_path)) as redis:
            await redis.set("acknowledged", "1")
        holder.send_signal(signal.SIGKILL)
        await holder.wait()
        async with embedded(tmp_path) as successor, client(successor) as redis:
            assert await redis.get("acknowledged") == "1"
        await wait_until_gone([valkey])


async def reaped(pid: int) -> None:
    """Wait until there is not even a zombie of this child: the lock's holder counts as alive for as long."""

    async def is_reaped() -> bool:
        return not psutil.pid_exists(pid)

    await eventually(is_reaped)


async def test_no_second_server_starts_while_a_valkey_lives_whose_supervisor_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.store.data_folder._PATIENCE", 0.2)
    async with run_process("-c", HOLDER, str(tmp_path)) as holder:
        valkey = int(await holder.wait_for(r"valkey is (\d+)"))
        os.kill(valkey, signal.SIGSTOP)
        holder.send_signal(signal.SIGKILL)
        await reaped(holder.process.pid)
        try:
            with pytest.raises(DataFolderLocked, match=f"Children of the ended process {holder.process.pid} still use"):
                async with DataFolder.locked(tmp_path):
                    pass
        finally:
            os.kill(valkey, signal.SIGCONT)
        await wait_until_gone([valkey])
        async with DataFolder.locked(tmp_path):
            pass  # Once it has ended, the folder is free.


async def test_the_runtime_folder_of_a_killed_holder_is_removed_by_the_next(tmp_path: Path) -> None:
    async with run_process("-c", HOLDER, str(tmp_path)) as holder:
        await holder.wait_for(r"valkey is (\d+)")
        left = Path((await running_store_url(tmp_path)).removeprefix("unix://")).parent
        holder.send_signal(signal.SIGKILL)
        await holder.wait()
    async with DataFolder.locked(tmp_path) as folder:
        assert not left.exists()
        assert folder.runtime.exists()
    assert not folder.runtime.exists()


async def test_a_folder_that_is_not_ours_to_remove_stays(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    data = tmp_path / "data"
    data.mkdir()
    for named in (precious, tmp_path / "edgewise-link"):
        if not named.exists():
            named.symlink_to(precious)
        (data / "lock").write_text(f"1\n{named}\n")
        async with DataFolder.locked(data):
            assert precious.exists()


async def test_a_command_joins_the_store_of_the_server_that_runs(tmp_path: Path) -> None:
    async with run_process("-c", HOLDER, str(tmp_path)) as holder:
        valkey = int(await holder.wait_for(r"valkey is (\d+)"))
        async with join_or_start(tmp_path, "everysec") as url, Redis.from_url(url) as redis:
            assert (await redis.info("server"))["process_id"] == valkey
        async with Redis.from_url(url) as redis:
            assert await redis.ping()  # A command that joined does not stop the store.


async def test_a_command_starts_the_store_for_itself_when_no_server_runs(tmp_path: Path) -> None:
    async with embedded(tmp_path) as valkey, client(valkey) as redis:
        await redis.set("colour", "blue")
    async with join_or_start(tmp_path, "everysec") as url, Redis.from_url(url) as redis:
        assert await redis.get("colour") == b"blue"
        async with join_or_start(tmp_path, "everysec") as joined:
            assert joined == url
    async with DataFolder.locked(tmp_path):
        pass


async def test_a_command_on_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=f"No server runs on data folder {tmp_path}/none"):
        async with join_or_start(tmp_path / "none", "everysec"):
            pass
    assert not (tmp_path / "none").exists()


async def test_a_command_waits_for_a_server_that_is_still_starting(tmp_path: Path) -> None:
    async with DataFolder.locked(tmp_path) as folder:
        joining = asyncio.create_task(running_store_url(tmp_path))
        await asyncio.sleep(0)
        assert not joining.done()
        folder.announce("redis://cache.internal/0")
        assert await joining == "redis://cache.internal/0"
        assert stat.S_IMODE((tmp_path / "store.url").stat().st_mode) == 0o600
