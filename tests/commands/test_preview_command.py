"""Tokens that the command line makes, shown by a real server."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner, Result

from edgewise.cli import main
from tests.servers import serve


def edgewise(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


async def test_token_of_the_command_shows_its_action(store_url: str) -> None:
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
        assert (wrong.exit_code, "Unknown ACTION 'gift'. Use one of: plain, deal." in wrong.stderr) == (1, True)


async def test_debug_token_shows_any_action_and_explains_it(store_url: str) -> None:
    async with serve(store_url) as server:
        made = await asyncio.to_thread(edgewise, "preview", "--debug", "--redis", store_url)
        assert made.exit_code == 0, made.output
        body = {"placements": [{"id": "hero", "action": "deal"}], "preview": made.stdout.strip()}
        assert "Open a page of your site with ?edgewise-debug=TOKEN" in made.stderr
        (decision,) = (await server.post("/v1/decide", body)).json()["decisions"]
        assert (decision["action"], decision["group"]) == ("deal", "preview")
        assert [action["id"] for action in decision["debug"]["actions"]] == ["plain", "deal"]
        wrong = await asyncio.to_thread(edgewise, "preview", "--debug", "--site", "books", "--redis", store_url)
        assert (wrong.exit_code, "Unknown site 'books'. Use one of: default." in wrong.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "Missing PLACEMENT or ACTION. Pass both, or pass --debug."),
        (["hero"], "Missing PLACEMENT or ACTION. Pass both, or pass --debug."),
        (["hero", "deal", "--debug"], "The option --debug covers all placements. Remove 'hero', or remove --debug."),
    ],
)
def test_preview_needs_an_action_or_debug(arguments: list[str], expected: str) -> None:
    made = edgewise("preview", *arguments)
    assert made.exit_code == 2
    assert expected in made.stderr


def test_preview_refuses_invalid_durations(store_url: str) -> None:
    for span in ("31d", "0s", "soon"):
        made = edgewise("preview", "hero", "deal", "--valid", span, "--redis", store_url)
        assert made.exit_code == 2
        assert "Expected a duration" in made.stderr
        assert f'found "{span}".' in made.stderr
