from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

from edgewise.bandit.model import ActionExamples, LearningModel
from edgewise.bandit.shape import shape_of
from edgewise.entries import Tick, encode
from edgewise.errors import Problem
from edgewise.sites import encode_problems
from edgewise.statistics import Statistics
from edgewise.store import Checkpoint, Store
from edgewise.types import PolicyRef, StreamId
from edgewise.wall_clock import now_ms
from tests.eventually import eventually
from tests.policies.policy_text import read
from tests.servers import BEARER, HERO, SHOP, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

REF = PolicyRef("default", "hero")


def statistics() -> bytes:
    counted = Statistics(decisions=10, outcomes=7, learned=4)
    for action, reward in (("plain", 0.0), ("deal", 1.0), ("deal", 0.5), ("deal", 0.0), ("gone", 1.0)):
        counted.action(action).add(reward)
    return counted.encode()


async def publish_model(store: Store, position: StreamId, model: bytes, shape: bytes = b"anothers") -> None:
    checkpoint = Checkpoint(
        epoch=await store.checkpoints.raise_epoch(REF),
        position=position,
        read_again=position,
        shape=shape,
        shape_since=position,
        policy_version=b"whatever",
        oldest_close=0,
        newest_close=0,
        model=model,
        statistics=statistics(),
    )
    await store.checkpoints.write(REF, checkpoint)


async def get(server: Any, path: str) -> Any:
    response = await server.get(path, **BEARER)
    assert response.status_code == 200, response.text
    return response.json()


async def test_policy_without_a_model_has_empty_results(store_url: str) -> None:
    async with serve(store_url) as server:
        report = await get(server, "/v1/policies/hero")
    assert report.pop("policyVersion")
    assert report.pop("learnerLagSeconds") < 60
    assert report == {
        "placement": "hero",
        "file": {"error": None},
        "mode": "online",
        "decisions": 0,
        "outcomes": 0,
        "robots": 0,
        "notShown": {"late": 0, "moved": 0, "timeout": 0},
        "rewardSources": {"rewards": 0, "topShare": 0.0, "alarm": False},
        "logAheadSeconds": 0.0,
        "model": None,
        "actions": [
            {"id": "plain", "share": 0.0, "meanReward": None, "expected": None},
            {"id": "deal", "share": 0.0, "meanReward": None, "expected": None},
        ],
    }


async def test_policy_has_results_and_a_model(store_url: str) -> None:
    store = await Store.connect(store_url)
    async with serve(store_url) as server:
        last = await store.log.last_id(REF)
        assert last is not None
        await publish_model(store, StreamId(last.ms - 2500, 0), b"a model")
        report = await get(server, "/v1/policies/hero")
        assert (await get(server, "/v1/policies"))["policies"][0].keys() == report.keys()
    await store.close()
    age = time.time() - last.ms / 1000 + 2.5
    assert 2.5 <= report["model"].pop("ageSeconds") <= age
    # The published model has another shape than the policy.
    summary = (
        "The model has learned 4 decisions. "
        "It is built again from the log, because the policy has another algorithm or other features."
    )
    assert report["model"] == {
        "version": 1,
        "sha256": hashlib.sha256(b"a model").hexdigest(),
        "learnedDecisions": 4,
        "learning": None,
        "summary": summary,
    }
    assert (report["decisions"], report["outcomes"], report["learnerLagSeconds"]) == (10, 7, 2.5)
    # "gone" is no action of the policy any more.
    assert report["actions"] == [
        {"id": "plain", "share": 0.25, "meanReward": 0.0, "expected": None},
        {"id": "deal", "share": 0.75, "meanReward": 0.5, "expected": None},
    ]


async def test_policy_shows_how_sure_its_model_is_and_whether_it_explores(store_url: str, tmp_path: Path) -> None:
    policy = read(tmp_path, HERO)
    shape, actions = shape_of(policy), ActionExamples(shape_of(policy), policy.actions)
    model = LearningModel(shape)
    for event in range(400):
        chosen = event % 2
        model.learn("shared |t hour=%h3", actions, range(2), chosen, -float(chosen == 1 and event % 10 == 1))
    store = await Store.connect(store_url)
    async with serve(store_url) as server:
        await publish_model(store, StreamId(now_ms(), 0), model.serialize(), shape.digest)
        report = await get(server, "/v1/policies/hero")
    await store.close()
    learning = report["model"]["learning"]
    assert (learning["conversions"], learning["tasteChanges"]) == (40, 0)
    assert learning["exploration"] == pytest.approx(0.5, abs=0.02), "every second one showed the worse action"
    plain, deal = (action["expected"] for action in report["actions"])
    assert plain["low"] <= plain["reward"] <= plain["high"] < deal["low"] <= deal["reward"] <= deal["high"]
    assert deal["reward"] == pytest.approx(0.2, abs=0.02)
    assert plain["best"] + deal["best"] == pytest.approx(1)
    assert report["model"]["summary"] == (
        "The model has learned 4 decisions with 40 conversions. "
        "For the average visitor, deal is the best action with a probability of more than 99%. "
        "Of the last decisions, 50% tried an action that did not seem the best one."
    )


async def test_lag_and_age_grow_while_a_log_ahead_of_the_clock_is_not_learned(store_url: str) -> None:
    store = await Store.connect(store_url)
    position = StreamId(now_ms() + 3_600_000, 0)
    await store.log.append_at(REF, position.ms, encode(Tick()))
    async with serve(store_url) as server:
        await publish_model(store, position, b"a model")
        await server.post("/v1/decide", {"placements": ["hero"], "anonymousId": "ann"})
        ages: list[float] = []

        async def is_growing() -> bool:
            report = await get(server, "/v1/policies/hero")
            assert 3590 < report["logAheadSeconds"] <= 3600
            assert report["learnerLagSeconds"] == pytest.approx(report["model"]["ageSeconds"], abs=0.5)
            ages.append(report["model"]["ageSeconds"])
            return ages[-1] > 0.3

        await eventually(is_growing)
    await store.close()
    assert ages == sorted(ages)


async def test_policies_of_a_site_are_listed_by_placement(store_url: str) -> None:
    async with serve(store_url) as server:
        listed = await get(server, "/v1/policies")
        by_site = await get(server, "/v1/policies?site=default")
    assert [report["placement"] for report in listed["policies"]] == ["hero", "row"]
    assert [report["placement"] for report in by_site["policies"]] == ["hero", "row"]


async def test_site_is_required_if_there_are_several(store_url: str) -> None:
    files = {f"one/{name}": text for name, text in SHOP.items()} | {"two/hero.toml": HERO}
    files |= {f"{site}/site.toml": f'name = "{site}"\nwrite_key = "{site}"' for site in ("one", "two")}
    async with serve(store_url, files) as server:
        unnamed = await server.get("/v1/policies", **BEARER)
        one = await get(server, "/v1/policies?site=one")
        two = await get(server, "/v1/policies?site=two")
        hero = await get(server, "/v1/policies/hero?site=two")
    assert unnamed.status_code == 400
    assert unnamed.json()["error"]["message"] == "site: Missing site. Add ?site= with one of: one, two."
    assert [len(listed["policies"]) for listed in (one, two)] == [2, 1]
    assert hero["placement"] == "hero"


async def test_a_refused_edit_is_shown_with_its_problems_while_the_server_stays_ready(store_url: str) -> None:
    async with serve(store_url) as server:
        store = await Store.connect(store_url)
        problems = [Problem("hero.toml: baseline", "Unknown action."), Problem("row.toml:3", "Invalid TOML.")]
        await store.registry.publish_problems(encode_problems(problems))
        error = "hero.toml: baseline: Unknown action.\nrow.toml:3: Invalid TOML."
        for report in (await get(server, "/v1/policies"))["policies"]:
            assert report["file"] == {"error": error}
        assert "edgewise_policy_file_problems 2.0" in (await server.get("/metrics")).text
        assert (await server.get("/readyz")).status_code == 200
        await store.registry.publish_problems(encode_problems([]))
        assert (await get(server, "/v1/policies/hero"))["file"] == {"error": None}
        await store.close()
