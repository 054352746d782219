"""`edgewise replay` on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from edgewise.cli import main
from tests.evaluation.logs import MAP, write
from tests.servers import serve

POLICY = """
placement = "hero"
baseline = "plain"
reward = { window = "1s" }
control = { share = 0.0 }
actions = [{ id = "plain" }, { id = "deal" }]
"""


def replay(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", f"{folder}/log.csv", "--map", f"{folder}/map.toml", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of 1,500 rows in which the young want the deal and the old do not, with its map and policy."""
    chance = Random(5)
    lines = ["age,shown,paid,p"]
    for _ in range(1500):
        age, shown = chance.choice(("young", "old")), chance.choice(("plain", "deal"))
        wanted = (shown == "deal") == (age == "young")
        lines.append(f"{age},{shown},{int(chance.random() < (0.8 if wanted else 0.2))},0.5")
    (tmp_path / "hero.toml").write_text(POLICY)
    write(tmp_path, 'policy = "hero.toml"\n' + MAP, "\n".join(lines))
    return tmp_path


def test_replay_prints_a_table_and_its_progress(folder: Path) -> None:
    result = replay(folder)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.split()[:1] == ["policy"] for line in lines)
    assert any("always" in line for line in lines)
    assert "of 1500 rows" in lines[-1]
    assert "decisions/s" in lines[-1]
    assert result.stderr.splitlines() == [f"Replaying: {150 * tenth} of 1500 rows" for tenth in range(1, 11)]


def test_replay_prints_only_json_on_request(folder: Path) -> None:
    report = json.loads(replay(folder, "--json").stdout)
    assert report["rows"] == 1500
    assert report["difference"]["second"]["mean"] > 0.2
    assert report["policy"]["second"]["mean"] > report["logged"]["second"]["mean"] + 0.2


def test_replay_compares_several_shuffles(folder: Path) -> None:
    report = json.loads(replay(folder, "--shuffles", "3", "--shuffle", "4", "--json").stdout)
    assert [one["seed"] for one in report["replays"]] == [4, 5, 6]
    second = [one["difference"]["second"]["mean"] for one in report["replays"]]
    assert report["difference"]["second"] == pytest.approx({"mean": sum(second) / 3, "min": min(second)})
    assert json.loads(replay(folder, "--shuffle", "5", "--json").stdout)["policy"] == report["replays"][1]["policy"]
    table = replay(folder, "--shuffles", "2").stdout
    assert all(name in table for name in ("seed 0", "seed 1", "mean", "min", "best single action: "))


def test_an_invalid_map_gives_one_message_and_status_1(folder: Path) -> None:
    (folder / "map.toml").write_text(MAP.replace('"paid"', '"payed"'))
    result = replay(folder)
    assert result.exit_code == 1
    assert result.stderr.startswith('Error: map.toml: columns.reward: Unknown or empty column "payed"')


def test_several_shuffles_against_a_server_are_refused(folder: Path) -> None:
    result = replay(folder, "--url", "http://127.0.0.1:1", "--shuffles", "2")
    assert result.exit_code == 2
    assert "a server keeps its model" in result.stderr


async def test_a_replay_against_a_server_waits_for_the_last_window(folder: Path, store_url: str) -> None:
    log = folder / "log.csv"
    log.write_text("\n".join(log.read_text().splitlines()[:301]))
    async with serve(store_url, {"hero.toml": POLICY}) as server:
        result = await asyncio.to_thread(replay, folder, "--url", f"http://127.0.0.1:{server.port}", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    # Nothing learns there, so each of the two is chosen for every other row.
    assert 100 < report["matched"] < 200
    assert result.stderr.splitlines()[-1] == "Waiting 1 s until the last reward window closes."
