"""Visitors that a stranger can invent: their profiles live days, and one address adds a bounded number of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edgewise.budgets.source_budgets import SourceBudgets
from edgewise.events.profile_records import PROFILE_TTL, UNKNOWN_TTL
from edgewise.events.recorder import Recorder
from edgewise.ids.user_proof import UserProof
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.policies.policy import Action
from edgewise.policies.segments import NO_SEGMENTS
from edgewise.settings import Settings
from edgewise.store import webhook_queues
from edgewise.store.keys import exposure, profile, webhook_index
from edgewise.types import Digest, Webhook
from edgewise.visitors.message import Message
from edgewise.webhooks.triggers import Triggers
from tests.events.recording import IDS, LONG, Recording, order
from tests.learner.published_policy import POLICY, PublishedPolicy
from tests.valkey import Valkey

BROWSER = "203.0.113.7"
MINUTE = 60_000
TRUSTED = UserProof("trusted", (), is_server=False)
PROVEN = UserProof("verified", (), is_server=True)


def recorder(recording: Recording, visitors: int = 0) -> Recorder:
    budgets = SourceBudgets(recording.store, Settings(secret_key="secret", visitors_per_source=visitors))
    return Recorder(recording.store, IDS, recording.follower.find, LONG, budgets=budgets)


async def record(
    recorder: Recorder,
    recording: Recording,
    *messages: Message,
    source: str | None = BROWSER,
    proof: UserProof = PROVEN,
) -> None:
    assert await recorder.record(recording.site, list(enumerate(messages)), None, proof, source=source) == []


def ttl(valkey: Valkey, key: str) -> int:
    return int(valkey.execute(f"PTTL {key}")[1:])


def profile_ttl(valkey: Valkey, visitor: Digest) -> int:
    return ttl(valkey, profile("shop", visitor))


async def test_a_profile_lives_days_until_the_visitor_comes_back(recording: Recording, valkey: Valkey) -> None:
    worker, visitor = recorder(recording), anonymous_digest("v")
    for minutes, expected in ((0, UNKNOWN_TTL), (29, UNKNOWN_TTL), (31, PROFILE_TTL), (0, PROFILE_TTL)):
        if minutes:
            left = profile_ttl(valkey, visitor) - minutes * MINUTE
            valkey.execute(f"PEXPIRE {profile('shop', visitor)} {left}")
        await record(worker, recording, Message("page", anonymous_id="v"))
        assert expected - 5 * MINUTE < profile_ttl(valkey, visitor) <= expected


async def test_times_in_messages_are_no_second_visit(recording: Recording, valkey: Valkey) -> None:
    ages = [timedelta(days=5), timedelta(days=2), timedelta(0)]
    now = datetime.now(UTC)
    for age in ages:
        await record(recorder(recording), recording, Message("page", anonymous_id="v", timestamp=now - age))
    assert (await recording.profile(anonymous_digest("v"))).sessions == 3
    assert profile_ttl(valkey, anonymous_digest("v")) <= UNKNOWN_TTL


async def test_profiles_of_users_and_those_that_a_server_names_live_a_year(
    recording: Recording, valkey: Valkey
) -> None:
    worker = recorder(recording)
    await record(worker, recording, Message("page", anonymous_id="a", user_id="u"))
    await record(worker, recording, Message("page", anonymous_id="b"), source=None)
    await record(worker, recording, Message("page", user_id="claimed"), proof=TRUSTED)
    assert profile_ttl(valkey, user_digest("claimed")) <= UNKNOWN_TTL, "a trusted id is not proven"
    for visitor in (anonymous_digest("a"), user_digest("u"), anonymous_digest("b")):
        assert profile_ttl(valkey, visitor) > PROFILE_TTL - 5 * MINUTE
    await record(worker, recording, Message("page", anonymous_id="b"))
    assert profile_ttl(valkey, anonymous_digest("b")) > PROFILE_TTL - 5 * MINUTE


@pytest.mark.parametrize(
    "invented",
    [
        lambda number: order(f"m{number}", anonymous_id=f"invented {number}"),
        lambda number: order(f"m{number}", user_id=f"invented {number}"),
        lambda number: Message("alias", previous_id=f"invented {number}", user_id="known"),
    ],
)
async def test_an_address_adds_a_bounded_number_of_records(
    recording: Recording, valkey: Valkey, invented: Callable[[int], Message]
) -> None:
    worker = recorder(recording, visitors=20)
    await record(worker, recording, order("first", user_id="known"), source=None)
    for number in range(100):
        await record(worker, recording, invented(number))
        await asyncio.sleep(0)
    assert int(valkey.execute("EVAL \"return #redis.call('KEYS', '*:p')\" 0")[1:]) <= 20 + 10 + 2
    await record(worker, recording, order("other", anonymous_id="other"), source="198.51.100.1")
    assert (await recording.profile(anonymous_digest("other"))).orders == 1


async def test_beyond_its_budget_an_address_still_updates_known_visitors_and_the_log(recording: Recording) -> None:
    worker = recorder(recording, visitors=10)
    await record(worker, recording, order("m", anonymous_id="known"))
    messages = [order(f"m{number}", anonymous_id=f"v{number}") for number in range(60)]
    await record(worker, recording, *messages, order("again", anonymous_id="known"))
    assert (await recording.profile(anonymous_digest("known"))).orders == 2
    assert len(await recording.entries()) == 62


def with_cart_webhook(recording: Recording) -> None:
    condition = {"visitor.orders": {"$gte": 1}}
    webhook = Webhook("cart", "https://shop.example/hook", condition, "sixteen or more characters", after=30 * MINUTE)
    recording.site.triggers = Triggers("shop", (webhook,), NO_SEGMENTS)


def waiting(valkey: Valkey) -> int:
    return int(valkey.execute(f"ZCARD {webhook_index('shop')}")[1:])


async def test_an_address_causes_a_bounded_number_of_webhook_messages(recording: Recording, valkey: Valkey) -> None:
    with_cart_webhook(recording)
    await record(recorder(recording), recording, *(Message("page", anonymous_id=f"v{n}") for n in range(100)))
    worker = recorder(recording, visitors=20)
    for number in range(100):
        await record(worker, recording, order(f"m{number}", anonymous_id=f"v{number}"))
    assert waiting(valkey) <= 20 + 10 + 2
    before = waiting(valkey)
    await record(worker, recording, order("other", anonymous_id="v99"), source="198.51.100.1")
    assert waiting(valkey) == before + 1


async def test_strangers_fill_only_a_part_of_the_waiting_visitors(
    recording: Recording, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cart_webhook(recording)
    monkeypatch.setattr(webhook_queues, "MOST_UNKNOWN", 5)
    worker = recorder(recording)
    await record(worker, recording, *(order(f"m{number}", anonymous_id=f"v{number}") for number in range(20)))
    assert waiting(valkey) == 5
    await record(worker, recording, order("user", user_id="u"))
    await record(worker, recording, order("server", anonymous_id="s"), source=None)
    await record(worker, recording, Message("page", anonymous_id="returning"))
    key = profile("shop", anonymous_digest("returning"))
    valkey.execute(f"PEXPIRE {key} {UNKNOWN_TTL - 40 * MINUTE}")
    await record(worker, recording, Message("page", "second", "returning"))
    await record(worker, recording, order("returning", anonymous_id="returning"))
    assert waiting(valkey) == 8


async def test_bars_of_unknown_visitors_live_days(recording: Recording, valkey: Valkey) -> None:
    actions = (*POLICY.actions, Action("once", not_after=("Order Completed",)))
    await PublishedPolicy(recording.store, replace(POLICY, actions=actions)).publish()
    await recording.follower.refresh()
    recording.site = recording.follower.sites["shop"]
    await record(recorder(recording), recording, order("m1", anonymous_id="v"))
    key = exposure("shop", anonymous_digest("v"), "visitor")
    assert 0 < ttl(valkey, key) <= UNKNOWN_TTL
    valkey.execute(f"PEXPIRE {key} {PROFILE_TTL}")
    await record(recorder(recording), recording, order("m2", anonymous_id="v"))
    assert ttl(valkey, key) > UNKNOWN_TTL, "a lifetime is never shortened"
