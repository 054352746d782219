from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewise.errors import SettingsError, StoreUnavailable
from edgewise.store import Store
from edgewise.store.connection import connect, without_password
from edgewise.types import PolicyRef
from tests.store.lossy import lossy_proxy
from tests.valkey import Valkey, free_port


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "unix://relative/path",
        "unix://",
        "redis://localhost:notaport",
        "redis://localhost/notadb",
        "redis:/localhost",
        "rediss://localhost/0/1",
        "redis+sentinel://localhost:26379",
        "redis+sentinel://localhost:26379/service/notadb",
        "redis+cluster://",
    ],
)
def test_a_url_of_no_known_form_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"Store URL '{url}': Expected one of redis://")):
        connect(url)


@pytest.mark.parametrize("query", ["x=y", "ssl_cert_reqs=none", "db=1&timeout=5"])
def test_an_unknown_parameter_of_a_url_is_refused(query: str) -> None:
    with pytest.raises(SettingsError, match=r"The query of the URL has an unknown parameter\."):
        connect(f"redis://localhost:6379?{query}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://user:secret@host/0?password=secret", "redis://user@host/0"),
        ("redis://:s@cr/et@host", "redis://@host"),
        ("unix://user:secret@/run/valkey?db=1", "unix://user@/run/valkey"),
        ("unix:///run/valkey", "unix:///run/valkey"),
        ("redis://user:se?cr#et@host/0", "redis://user@host/0"),
        ("redis://:p@s:s/w#r%d?@host:1", "redis://@host:1"),
        ("redis://:p@s?s@host:1?db=2", "redis://@host:1"),
        ("redis+sentinel://:secret@a:1,b:2/service/0?sentinel_password=secret", "redis+sentinel://@a:1,b:2/service/0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize("password", ["a/b", "a?b", "a#b", "a b", "a[b", "100%", "a%zz", "p@s:s/w?", "p@s?s"])
def test_a_password_that_is_not_encoded_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(SettingsError, match="The password must be percent-encoded, because it has") as raised:
        connect(f"redis://user:{password}@host:6379/0")
    assert password not in str(raised.value)
    assert "python3 -c" in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:p@ss:word@host:6379/0",
        "redis://user:%2F%3F%23%25@host",
        "redis+sentinel://a:1,b:2/service?sentinel_password=p@ss",
        "redis+sentinel://:word@a:1,b:2/service?sentinel_password=p@ss",
    ],
)
def test_a_password_that_is_encoded_is_accepted(url: str) -> None:
    connect(url)


async def test_unreachable_store_is_named_in_the_error() -> None:
    message = r"Store redis://user@127.0.0.1:1: 'PING' failed: .*111.* Check that the store runs"
    with pytest.raises(StoreUnavailable, match=message):
        await Store.connect("redis://user:secret@127.0.0.1:1")


@pytest.fixture
def guarded() -> Iterator[Valkey]:
    """A server that asks for a password."""
    server = Valkey("--requirepass", "p@ss/word")
    yield server
    server.close()


async def test_password_and_database_apply_to_client_and_pipeline(guarded: Valkey) -> None:
    store = await Store.connect(f"unix://:p%40ss%2Fword@{guarded.path}?db=3")
    deadline = asyncio.get_running_loop().time() + 5
    await store.pipeline.submit(("SET", "key", "value"), deadline)
    assert b"db=3" in await store.pipeline.submit(("CLIENT", "INFO"), deadline)
    assert await store.pipeline.submit(("GET", "key"), deadline) == b"value"
    await store.registry.publish_sites(b"sites")
    assert await store.pipeline.submit(("HGET", "edgewise:sites", "sites"), deadline) == b"sites"
    await store.close()


async def test_a_wrong_password_is_reported_and_not_shown(guarded: Valkey) -> None:
    with pytest.raises(StoreUnavailable, match="invalid username-password pair") as raised:
        await Store.connect(f"unix://:wrong-secret@{guarded.path}")
    assert "wrong-secret" not in str(raised.value)


async def test_a_command_whose_reply_is_lost_is_not_sent_again(own_valkey: Valkey, ref: PolicyRef) -> None:
    async with lossy_proxy(own_valkey, losing=b"XADD") as proxy:
        # Options of the client library that a URL can carry do not bring its retries back.
        store = await Store.connect(f"{proxy.url}?retry_on_timeout=true")
        with pytest.raises(StoreUnavailable):
            await store.log.append(ref, b"e")
        with pytest.raises(StoreUnavailable):
            await store.versions.publish(ref, b"version1", b"shape001", b"blob", b"XADD")
        assert proxy.lost == 2
        await store.close()


async def test_a_reply_that_does_not_come_ends_in_an_error_in_time(own_valkey: Valkey, ref: PolicyRef) -> None:
    store = await Store.connect(own_valkey.url, reply_timeout=0.4)
    own_valkey.freeze()
    async with asyncio.timeout(4):
        with pytest.raises(StoreUnavailable, match="Timeout"):
            await store.log.append(ref, b"e")
    own_valkey.thaw()
    await store.ping()
    await store.close()


async def test_a_store_that_was_restarted_serves_the_next_call(own_valkey: Valkey, ref: PolicyRef) -> None:
    store = await Store.connect(own_valkey.url)
    await store.log.append_event(ref, b"message1", b"e")
    own_valkey.kill()
    with pytest.raises(StoreUnavailable):
        await store.ping()
    own_valkey.restart()
    assert await store.log.append_event(ref, b"message1", b"e") is not None
    await store.close()


async def test_one_refused_command_of_many_is_an_error(store: Store, ref: PolicyRef) -> None:
    await store.pipeline.submit(("SET", "{shop:home-hero}:log", "not a stream"), float("inf"))
    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        await store.log.read({ref: (await store.log.append(PolicyRef("shop", "other"), b"e"))}, 1)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a certificate for 127.0.0.1 that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    path = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    options = f"-addext subjectAltName=IP:127.0.0.1 -out {path} -keyout {path}.key"
    subprocess.run([*command.split(), *options.split()], check=True, capture_output=True)
    return path


async def test_client_and_pipeline_use_tls(certificate: Path, own_valkey: Valkey, ref: PolicyRef) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
        writer.close()

    async def terminate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store_reader, store_writer = await asyncio.open_unix_connection(own_valkey.path)
        await asyncio.gather(pump(reader, store_writer), pump(store_reader, writer))

    port = free_port()
    async with await asyncio.start_server(terminate, "127.0.0.1", port, ssl=context):
        store = await Store.connect(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}")
        deadline = asyncio.get_running_loop().time() + 5
        large = b"x" * 300_000
        await asyncio.gather(
            *(store.pipeline.submit(store.log.append_command(ref, large), deadline) for _ in range(5)),
            store.log.append(ref, large),
        )
        assert await store.log.length(ref) == 6
        await store.close()
        with pytest.raises(StoreUnavailable, match="CERTIFICATE"):
            await Store.connect(f"rediss://127.0.0.1:{port}")
