"""The exposure of a visitor: its bytes, its TTL, and bars after events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgewise.decisions.exposure import StickyChoice
from edgewise.decisions.request import Visitor
from edgewise.events.recorder import Recorder
from edgewise.ids.visitor import anonymous_digest
from edgewise.policies.policy import Action, Cap, Pin, Policy, Reward
from edgewise.store import keys
from edgewise.store.exposures import UNKNOWN_TTL
from edgewise.types import SPANS
from edgewise.visitors.message import Message, Properties
from tests.decisions.worker import FROM_SERVER, Worker, decide_concurrently, serve_policy, shown_actions

PLAIN = Action("plain")
REWARD = Reward(window=20)
CAPPED = Policy("hero", (PLAIN, Action("pop-up", cap=Cap(3, "session"))), ("plain",), control_share=0.0, reward=REWARD)
NEVER_AGAIN = Policy(
    "hero",
    (PLAIN, Action("one", not_after=("Dismissed", "Order Completed")), Action("two", not_after=("Dismissed",))),
    ("plain",),
    control_share=0.0,
    reward=REWARD,
)


def test_a_sticky_choice_survives_encoding() -> None:
    choice = StickyChoice(b"k" * 12, "control", "v", 7, (("a", 0.25), ("b", 1.0)))
    assert StickyChoice.decode(choice.encode()) == choice


@pytest.mark.parametrize("packed", [b"", b"\xc1", b"\x90", b"\x95\x01\x02\x03\x04\x05"])
def test_a_sticky_choice_of_another_format_is_ignored(packed: bytes) -> None:
    assert StickyChoice.decode(packed) is None


async def send_event(worker: Worker, event: str, decision_id: str | None = None, **who: Any) -> None:
    message = Message("track", event=event, properties=Properties(decision_id=decision_id), **who)
    site = worker.follower.sites["shop"]
    recorder = Recorder(worker.store, worker.ids, worker.follower.find)
    assert await recorder.record(site, [(0, message)], None, FROM_SERVER) == []


async def seen_actions(workers: list[Worker]) -> set[str | None]:
    return set(shown_actions(await decide_concurrently(workers, 40)))


async def test_an_event_with_a_decision_id_bars_the_actions_of_the_decision(workers: list[Worker]) -> None:
    await serve_policy(workers, NEVER_AGAIN)
    (one,) = await decide_concurrently(workers, 1)
    while one.slots[0].action != "one":
        (one,) = await decide_concurrently(workers, 1)
    await send_event(workers[0], "Dismissed", one.decision_id, anonymous_id="a1")
    assert await seen_actions(workers) == {"plain", "two"}
    assert set(shown_actions(await decide_concurrently(workers, 40, Visitor("another", None)))) == {
        "plain",
        "one",
        "two",
    }


async def test_an_event_bars_actions_for_all_ids_of_the_visitor(workers: list[Worker]) -> None:
    await serve_policy(workers, NEVER_AGAIN)
    assert await seen_actions(workers) == {"plain", "one", "two"}
    await send_event(workers[0], "Viewed", anonymous_id="a1", user_id="u1")
    assert await seen_actions(workers) == {"plain", "one", "two"}
    await send_event(workers[0], "Order Completed", user_id="u1")
    assert await seen_actions(workers) == {"plain", "two"}
    await send_event(workers[0], "Dismissed", anonymous_id="a1")
    assert await seen_actions(workers) == {"plain"}


async def test_an_exposure_expires_after_its_span(workers: list[Worker]) -> None:
    actions = (PLAIN, *(Action(span, cap=Cap(1, span)) for span in SPANS))
    # Pins show each action for sure. Ten draws would sometimes leave one out.
    await serve_policy(workers, replace(CAPPED, actions=actions, pins=tuple(Pin(span) for span in SPANS)))
    assert shown_actions(await decide_concurrently(workers, 10)) == {"plain": 7, "session": 1, "day": 1, "visitor": 1}
    client = workers[0].store._client
    ttls = [await client.execute(("PTTL", keys.exposure("shop", anonymous_digest("a1"), span))) for span in SPANS]
    for ttl, most in zip(ttls, (1_800_000, 86_400_000, UNKNOWN_TTL), strict=True):
        assert most - 60_000 < ttl <= most
    await client.execute(("DEL", keys.exposure("shop", anonymous_digest("a1"), "session")))
    assert shown_actions(await decide_concurrently(workers, 10)) == {"plain": 9, "session": 1}
