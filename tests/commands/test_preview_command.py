"""Tokens that the command line makes, shown by a real server."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner, Result

from edgewise.cli import main
from tests.servers import serve


def edgewise(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


async def test_a_preview_that_the_command_line_made_is_shown(store_url: str) -> None:
    async with serve(store_url) as server:
        made = await asyncio.to_thread(edgewise, "preview", "hero", "deal", "--valid", "2h", "--redis", store_url)
        assert made.exit_code == 0, made.output
        body = {"placements": ["hero"], "preview": made.stdout.strip()}
        (decision,) = (await server.post("/v1/decide", body)).json()["decisions"]
        assert (decision["action"], decision["group"], decision["decisionId"]) == ("deal", "preview", None)
        expired = await asyncio.to_thread(edgewise, "preview", "hero", "deal", "--valid", "1ms", "--redis", store_url)
        answer = await server.post("/v1/decide", body | {"preview": expired.stdout.strip()})
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "preview_expired")
        wrong = await asyncio.to_thread(edgewise, "preview", "hero", "gift", "--redis", store_url)
        assert (wrong.exit_code, "ACTION: found 'gift', expected one of: plain, deal" in wrong.stderr) == (1, True)


async def test_a_token_for_debugging_shows_any_action_and_tells_how_it_is_decided(store_url: str) -> None:
    async with serve(store_url) as server:
        made = await asyncio.to_thread(edgewise, "preview", "--debug", "--redis", store_url)
        assert made.exit_code == 0, made.output
        body = {"placements": [{"id": "hero", "action": "deal"}], "preview": made.stdout.strip()}
        (decision,) = (await server.post("/v1/decide", body)).json()["decisions"]
        assert (decision["action"], decision["group"]) == ("deal", "preview")
        assert [action["id"] for action in decision["debug"]["actions"]] == ["plain", "deal"]
        wrong = await asyncio.to_thread(edgewise, "preview", "--debug", "--site", "books", "--redis", store_url)
        assert (wrong.exit_code, "--site: found 'books', expected one of: default" in wrong.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "found no PLACEMENT with its ACTION, expected both, or --debug"),
        (["hero"], "found no PLACEMENT with its ACTION, expected both, or --debug"),
        (["hero", "deal", "--debug"], "PLACEMENT: found 'hero' with --debug, expected none"),
    ],
)
def test_a_preview_is_of_one_action_or_for_debugging(arguments: list[str], expected: str) -> None:
    made = edgewise("preview", *arguments)
    assert made.exit_code == 2
    assert expected in made.stderr


def test_a_preview_is_not_made_for_good(store_url: str) -> None:
    for span in ("31d", "0s", "soon"):
        made = edgewise("preview", "hero", "deal", "--valid", span, "--redis", store_url)
        assert made.exit_code == 2
        assert "Expected a duration" in made.stderr
        assert f'found "{span}".' in made.stderr
