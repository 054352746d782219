"""What an earlier release has written is read by this one. `README.md` describes how a release is recorded."""

from __future__ import annotations

import json
import platform
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from tests.compatibility import answers
from tests.compatibility.service import THIS_RELEASE, Service, run, running
from tests.compatibility.store_dump import moved, restore
from tests.compatibility.traffic import CUSTOMER, Traffic
from tests.eventually import eventually
from tests.webhooks.receiver import receiving

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("releases/*/answers.json"))

JUST_NOW = 1.0
"""Seconds since the release was stopped: decisions are still open."""

LONG_AGO = 400 * 24 * 3600.0
"""Seconds since the release was stopped: every window is over."""


class Release(NamedTuple):
    """A recording: what the release left in its store, and what it answered about that."""

    folder: Path
    answers: dict[str, Any]

    @property
    def policies(self) -> Path:
        return self.folder / "policies"

    def restore(self, store_url: str, ended_ago: float) -> int:
        return restore(store_url, (self.folder / "store.jsonl.gz").read_bytes(), ended_ago)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def release(request: pytest.FixtureRequest) -> Release:
    return Release(request.param, json.loads((request.param / "answers.json").read_text()))


@pytest.fixture
def data(release: Release, tmp_path: Path) -> Path:
    """A data folder with the release's secret key."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copyfile(release.folder / "secret-key", folder / "secret-key")
    return folder


async def test_policies_load_unchanged(release: Release) -> None:
    """A policy that names its algorithm keeps its version. Another one gets today's default algorithm."""
    found = await run(THIS_RELEASE, "policy", "check", str(release.policies))
    rows, recorded = ([line.split() for line in text.splitlines()] for text in (found, release.answers["policyCheck"]))
    assert [row[:3] for row in rows] == [row[:3] for row in recorded]
    named = {
        file.stem
        for file in release.policies.rglob("*.toml")
        if re.search(r"^algorithm = ", file.read_text(), re.MULTILINE)
    }
    assert named
    assert [row for row in rows if row[1] in named] == [row for row in recorded if row[1] in named]


@pytest.mark.parametrize("ended_ago", [JUST_NOW, LONG_AGO])
async def test_rebuild_gives_the_checkpointed_model_byte_for_byte(
    release: Release, store_url: str, ended_ago: float
) -> None:
    if platform.machine() != release.answers["machine"]:
        pytest.skip("the last bits of a model depend on the family of CPUs")
    shift = release.restore(store_url, ended_ago)
    for placement, recorded in release.answers["rebuilt"].items():
        found = await answers.rebuilt(store_url, placement)
        assert found == {**recorded, "position": moved(recorded["position"].encode(), shift).decode()}
        assert found["published model"] == "equal"


async def test_rebuild_reports_a_changed_checkpoint(release: Release, store_url: str) -> None:
    release.restore(store_url, LONG_AGO)
    placement = next(iter(release.answers["rebuilt"]))
    with redis.Redis.from_url(store_url) as store:
        key = f"{{shop:{placement}}}:checkpoint"
        model = bytearray(store.hget(key, "model") or b"")
        model[-1] ^= 1
        store.hset(key, "model", bytes(model))
    await run(THIS_RELEASE, "rebuild", placement, "--redis", store_url, status=1)


async def test_checkpointed_model_is_loaded_and_decides_as_before(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, LONG_AGO)
    async with running(store_url, release.policies, data, learner=False) as service:
        for placement, recorded in release.answers["reports"].items():
            _assert_kept(await answers.report(service, placement), recorded)
        token = await service.preview_token()
        for one in release.answers["explained"]:
            _assert_kept(await answers.explained(service, one["request"], token), one["answer"])


async def test_profiles_are_read_as_before(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, LONG_AGO)
    async with running(store_url, release.policies, data, learner=False) as service:
        for id, recorded in release.answers["profiles"].items():
            _assert_kept(await answers.profile(service, id), recorded)
        for id, recorded in release.answers["exports"].items():
            _assert_kept(await answers.exported(store_url, id), recorded)


async def test_profile_is_continued_under_every_id_of_the_visitor(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, LONG_AGO)
    message = {"type": "page", "anonymousId": "visitor-0", "messageId": "new", "properties": {"type": "home"}}
    async with running(store_url, release.policies, data, learner=False) as service:
        before = _page_views(await answers.profile(service, CUSTOMER))
        assert (await service.post("/v1/batch", {"batch": [message]}))["rejected"] == []
        assert _page_views(await answers.profile(service, CUSTOMER)) == before + 1


async def test_repeated_message_changes_nothing(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, JUST_NOW)
    message = release.answers["ordered"]
    visitor = message["anonymousId"]
    async with running(store_url, release.policies, data, learner=False) as service:
        before = await answers.exported(store_url, visitor)
        assert (await service.post("/v1/batch", {"batch": [message]}))["rejected"] == []
        assert await answers.exported(store_url, visitor) == before


async def test_sticky_choice_is_repeated(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, JUST_NOW)
    async with running(store_url, release.policies, data, learner=False) as service:
        for one in release.answers["sticky"]:
            (decision,) = (await service.post("/v1/decide", one["request"]))["decisions"]
            assert decision["decisionId"] == one["decisionId"]


async def test_decision_in_its_window_is_credited(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, JUST_NOW)
    reports = release.answers["reports"]
    learned = {placement: report["model"]["learnedDecisions"] for placement, report in reports.items()}
    async with running(store_url, release.policies, data) as service:
        for one in release.answers["unseen"]:
            assert await _click(service, one) == []
            if one["group"] == "policy" and reports[one["placement"]]["mode"] != "frozen":
                learned[one["placement"]] += one["slots"]
        await _learns(service, learned)
    await _assert_rebuilt(store_url, learned)


async def test_decision_past_its_window_is_known(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, LONG_AGO)
    async with running(store_url, release.policies, data, learner=False) as service:
        for one in release.answers["unseen"]:
            assert await _click(service, one) == []
        forged = {**one, "decisionId": one["decisionId"][:-4] + "AAAA"}
        assert [rejected["code"] for rejected in await _click(service, forged)] == ["unknown_decision"] * 2


async def test_learner_continues_after_a_long_pause(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, LONG_AGO)
    learned = await _learn_more(release, store_url, data)
    await _assert_rebuilt(store_url, learned)


async def test_learner_continues_from_the_checkpoint_alone(release: Release, store_url: str, data: Path) -> None:
    release.restore(store_url, JUST_NOW)
    with redis.Redis.from_url(store_url) as store:
        for placement in release.answers["reports"]:
            # What the log had before is now known to the checkpoint only, as after a log was trimmed.
            oldest = store.hget(f"{{shop:{placement}}}:checkpoint", "read_again")
            assert store.xtrim(f"{{shop:{placement}}}:log", minid=oldest, approximate=False)
    await _learn_more(release, store_url, data)


async def test_queued_webhooks_are_sent(release: Release, store_url: str, data: Path, tmp_path: Path) -> None:
    release.restore(store_url, LONG_AGO)
    policies = shutil.copytree(release.policies, tmp_path / "policies")
    async with receiving() as receiver:
        site = policies / "site.toml"
        site.write_text(site.read_text().replace("http://127.0.0.1:9/webhook", receiver.url))
        async with running(store_url, policies, data, learner=False):
            expected = [message for waiting in release.answers["queued"].values() for message in waiting]
            assert expected

            async def are_taken() -> bool:
                taken = [one.message for one in receiver.accepted]
                waited = [one for one in taken if one["webhook"] == "cart-left" and one["anonymousId"] == "visitor-1"]
                return bool(waited) and all(message in taken for message in expected)

            await eventually(are_taken)


async def _learn_more(release: Release, store_url: str, data: Path) -> dict[str, int]:
    """Send new traffic, wait until it is learned, and return the count of learned decisions for each policy."""
    async with running(store_url, release.policies, data) as service:
        traffic = Traffic(service, group="newcomer")
        await traffic.visit(0, visitors=6)
        reports = release.answers["reports"]
        learned = {
            placement: report["model"]["learnedDecisions"] + traffic.learnable[placement]
            for placement, report in reports.items()
        }
        await _learns(service, learned)
        for placement, report in reports.items():
            assert (await answers.report(service, placement))["model"]["version"] > report["model"]["version"]
    return learned


async def _learns(service: Service, expected: dict[str, int]) -> None:
    """Wait until the published models have learned that many decisions."""

    async def is_learned() -> bool:
        reports = {placement: await answers.report(service, placement) for placement in expected}
        return {placement: report["model"]["learnedDecisions"] for placement, report in reports.items()} == expected

    await eventually(is_learned)


async def _assert_rebuilt(store_url: str, learned: dict[str, int]) -> None:
    """Assert that each log gives the published model again."""
    for placement, count in learned.items():
        rebuilt = await answers.rebuilt(store_url, placement)
        assert (rebuilt["published model"], rebuilt["decisions learned"]) == ("equal", str(count))


async def _click(service: Service, decision: dict[str, Any]) -> list[dict[str, Any]]:
    """See and click a decision, and return the rejected messages."""
    batch = [
        {"type": "track", "event": event, "anonymousId": decision["visitor"], "messageId": f"{event}-{decision}"}
        | {"properties": {"decisionId": decision["decisionId"]}}
        for event in ("$impression", "$click")
    ]
    rejected: list[dict[str, Any]] = (await service.post("/v1/batch", {"batch": batch}))["rejected"]
    return rejected


def _page_views(profile: dict[str, Any]) -> int:
    views: int = sum(one["profile"]["pageViews"] for one in profile["held"] if one["profile"] is not None)
    return views


def _assert_kept(found: Any, recorded: Any) -> None:
    assert answers.keeps(found, recorded), f"found:\n{json.dumps(found)}\nrecorded:\n{json.dumps(recorded)}"
