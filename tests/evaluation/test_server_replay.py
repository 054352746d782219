"""A replay against a real server."""

from __future__ import annotations

import pytest

from edgewise.entries import Decision, Entry, Outcome, decode
from edgewise.errors import ReplayError
from edgewise.evaluation.logged_traffic import LoggedTraffic
from edgewise.evaluation.replay_report import ReplayResult
from edgewise.evaluation.server_replay import CONNECTIONS, replay_over_http
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef
from tests.evaluation.logs import planted
from tests.servers import HERO, Server, serve
from tests.valkey import free_port

FILES = {"hero.toml": HERO}
A_ROW = HERO.replace('baseline = "plain"', 'slots = 2\nbaseline = ["plain", "deal"]')
TRAFFIC = planted(200)


async def replay(traffic: LoggedTraffic, url: str, write_key: str = "default") -> ReplayResult:
    return await replay_over_http(traffic, url, write_key, lambda: None)


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


async def log(store: Store) -> list[Entry]:
    ref = PolicyRef("default", "hero")
    page = (await store.log.read({ref: BEGINNING}, 10_000))[ref]
    return [decode(entry) for _, entry in page.entries]


async def test_the_server_decides_each_row_once(store_url: str, store: Store) -> None:
    steps: list[None] = []
    async with serve(store_url, FILES) as server:
        replayed = await replay_over_http(TRAFFIC, url_of(server), "default", lambda: steps.append(None))
    decisions = [entry for entry in await log(store) if isinstance(entry, Decision)]
    assert len(decisions) == len(steps) == 200
    assert sorted(decision.slots[0].chosen for decision in decisions) == sorted(
        choice for choice in replayed.choices if choice is not None
    )
    assert replayed.left_out == {}


async def test_rows_are_decided_almost_in_order(store_url: str, store: Store) -> None:
    numbered = [row._replace(context={"number": f"n{number}"}) for number, row in enumerate(TRAFFIC.rows)]
    async with serve(store_url, FILES) as server:
        await replay(TRAFFIC._replace(rows=numbered), url_of(server))
    decisions = [entry for entry in await log(store) if isinstance(entry, Decision)]
    places = [int(entry.context.rpartition("n")[2]) for entry in decisions]
    assert sorted(places) == list(range(200))
    assert all(place - at < CONNECTIONS for at, place in enumerate(places)), "no row comes far before its turn"


async def test_the_server_logs_the_context_of_the_rows(store_url: str, store: Store) -> None:
    async with serve(store_url, FILES) as server:
        await replay(TRAFFIC, url_of(server))
    contexts = {entry.context for entry in await log(store) if isinstance(entry, Decision)}
    assert contexts == {"shared |x age=young", "shared |x age=old"}


async def test_a_reward_is_sent_once_if_the_choice_is_the_logged_action(store_url: str, store: Store) -> None:
    async with serve(store_url, FILES) as server:
        replayed = await replay(TRAFFIC, url_of(server))
    matched = [row for row, choice in zip(TRAFFIC.rows, replayed.choices, strict=True) if row.action == choice]
    outcomes = [entry for entry in await log(store) if isinstance(entry, Outcome)]
    rewards = [entry.value for entry in outcomes if entry.name == "$reward"]
    assert sorted(filter(None, rewards)) == sorted(row.reward for row in matched if row.reward)
    assert len(rewards) == len({entry.key for entry in outcomes}) == len(matched)
    assert len([entry for entry in outcomes if entry.name == "$impression"]) == len(matched)


async def test_replay_leaves_out_the_control_group(store_url: str) -> None:
    some = HERO.replace("share = 0.0", "share = 0.5")
    async with serve(store_url, {"hero.toml": some}) as server:
        replayed = await replay(TRAFFIC, url_of(server))
    assert 50 < replayed.left_out["control"] < 150
    assert replayed.choices.count(None) == replayed.left_out["control"]


async def test_a_site_that_requires_consent_learns_from_a_replay(store_url: str, store: Store) -> None:
    async with serve(store_url, FILES | {"site.toml": 'consent = "required"'}) as server:
        replayed = await replay(TRAFFIC, url_of(server))
    assert replayed.left_out == {}
    assert len([entry for entry in await log(store) if isinstance(entry, Decision)]) == 200


async def test_a_pinned_action_counts_as_a_choice(store_url: str) -> None:
    async with serve(store_url, {"hero.toml": HERO + '[[pins]]\naction = "deal"\n'}) as server:
        replayed = await replay(TRAFFIC, url_of(server))
    assert replayed.choices == [1] * 200


@pytest.mark.parametrize(
    ("files", "write_key", "message"),
    [
        ({"home.toml": HERO.replace('"hero"', '"home"')}, "default", "Unknown placement 'hero'."),
        ({"hero.toml": HERO.replace('"deal"', '"offer"')}, "default", "Unknown action 'offer'."),
        ({"hero.toml": A_ROW}, "default", "Expected one slot in 'hero', found several."),
        (FILES, "another", "POST /v1/decide: Expected status 200, found 401. Response: "),
    ],
)
async def test_a_server_with_another_policy_is_refused(
    store_url: str, files: dict[str, str], write_key: str, message: str
) -> None:
    async with serve(store_url, files) as server:
        with pytest.raises(ReplayError) as raised:
            await replay(TRAFFIC, url_of(server), write_key)
        assert str(raised.value).startswith(url_of(server))
        assert message in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}", "127.0.0.1:{port}", "http://127.0.0.1:x", "ftp://127.0.0.1:{port}"]
)
async def test_a_url_without_a_server_is_refused(url: str) -> None:
    url = url.format(port=free_port())
    with pytest.raises(ReplayError) as raised:
        await replay(TRAFFIC, url)
    assert str(raised.value).startswith(url)
