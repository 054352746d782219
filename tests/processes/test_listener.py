from __future__ import annotations

import asyncio
import socket

import pytest

from edgewise.errors import SettingsError
from edgewise.processes.listener import listen


def test_a_listener_has_a_url_that_reaches_it_from_this_machine() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.url == f"http://127.0.0.1:{listener.port}"
        socket.create_connection((listener.host, listener.port)).close()
    with listen("0.0.0.0", 0) as listener:
        assert listener.host == "127.0.0.1"


def test_a_port_in_use_is_an_error_with_advice() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        pytest.raises(SettingsError, match=rf"^--port: Port {listener.port} of 127\.0\.0\.1 is in use\. Stop"),
        listen("127.0.0.1", listener.port),
    ):
        pytest.fail("It listens twice.")


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
def test_an_address_of_another_machine_is_an_error(host: str) -> None:
    with pytest.raises(SettingsError, match=r"^--host: .*\. Use "), listen(host, 0):
        pytest.fail("It listens.")


async def test_a_server_is_healthy_when_healthz_responds_with_200() -> None:
    statuses = iter([b"503 Service Unavailable", b"200 OK"])

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + next(statuses) + b"\r\n\r\n")
        writer.close()

    with listen("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(respond, sock=socket.socket(fileno=socket.dup(listener.descriptor))):
            await asyncio.wait_for(listener.wait_until_healthy(), 5)
    assert list(statuses) == []
