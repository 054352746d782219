from __future__ import annotations

from typing import Any

import pytest

from tests.servers import BEARER, SECRET, Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = {"placements": ["hero"]}


@pytest.mark.parametrize("auth", [("default", ""), ("default", "anything")])
async def test_write_key_may_be_the_user_name(server: Server, auth: tuple[str, str]) -> None:
    assert (await server.client.post("/v1/decide", json=BODY, auth=auth)).status_code == 200


async def test_secret_key_may_be_the_password_or_follow_the_write_key(server: Server) -> None:
    async def counts(key: str | None, **more: Any) -> bool:
        body = {**BODY, "userId": "ann"} | ({} if key is None else {"writeKey": key})
        response = await server.client.post("/v1/decide", json=body, **more)
        assert response.status_code == 200, response.text
        return "hints" not in response.json()

    assert await counts(None, auth=("default", SECRET))
    assert await counts(None, auth=(f"default:{SECRET}", ""))
    assert await counts(f"default:{SECRET}")
    assert not await counts(None, auth=("default", "anything"))
    assert not await counts("default")


async def test_secret_key_needs_no_write_key_if_there_is_one_site(server: Server) -> None:
    lower_case = {"authorization": f"bearer  {SECRET}"}
    for headers in (BEARER, lower_case):
        assert (await server.client.post("/v1/decide", json=BODY, headers=headers)).status_code == 200
    with_write_key = BODY | {"writeKey": "default"}
    assert (await server.client.post("/v1/decide", json=with_write_key, headers=BEARER)).status_code == 200


async def test_origin_of_a_server_is_not_checked(server: Server) -> None:
    headers = BEARER | {"origin": "https://evil.example"}
    assert (await server.client.post("/v1/decide", json=BODY, headers=headers)).status_code == 200


async def test_secret_key_is_not_a_write_key(server: Server) -> None:
    response = await server.client.post("/v1/decide", json=BODY | {"writeKey": SECRET})
    assert response.status_code == 401
    assert SECRET not in response.text
