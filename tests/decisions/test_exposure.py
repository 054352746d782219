"""Caps, choices that stick, and what is not to be shown again: against a real store, from several workers at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from math import sqrt
from time import time_ns
from typing import Any

import pytest

from edgewise.decisions.request import PlacementRequest, Visitor
from edgewise.decisions.result import PlacementResult
from edgewise.events.recorder import Recorder
from edgewise.ids.visitor import anonymous_digest
from edgewise.policies.policy import Action, Cap, Pin, Policy, Reward
from edgewise.store import Store, keys
from edgewise.store.scripts import Command
from edgewise.types import SPANS, Span
from edgewise.visitors.message import Message, Properties
from tests.decisions.test_service import SOMEONE, Service

PLAIN = Action("plain")
REWARD = Reward(window=20)
CAPPED = Policy("hero", (PLAIN, Action("pop-up", cap=Cap(3, "session"))), ("plain",), control_share=0.0, reward=REWARD)
STICKY = Policy(
    "hero",
    tuple(Action(id) for id in ("plain", "b", "c", "d", "e", "f", "g", "h")),
    ("plain",),
    control_share=0.0,
    reward=REWARD,
    sticky="session",
)
NEVER_AGAIN = Policy(
    "hero",
    (PLAIN, Action("one", not_after=("Dismissed", "Order Completed")), Action("two", not_after=("Dismissed",))),
    ("plain",),
    control_share=0.0,
    reward=REWARD,
)


@pytest.fixture
async def workers(store: Store, store_url: str) -> AsyncIterator[list[Service]]:
    """Two workers, each with its own connection to the one store."""
    other = await Store.connect(store_url, patience=5.0)
    yield [Service(store), Service(other)]
    await other.close()


async def serve(workers: list[Service], policy: Policy) -> None:
    for worker in workers:
        await worker.serve(policy)


async def at_once(
    workers: list[Service], count: int, visitor: Visitor = SOMEONE, **context: Any
) -> list[PlacementResult]:
    """So many calls of one visitor, spread over the workers, at the same time."""
    calls = (workers[number % len(workers)].decide(visitor=visitor, **context) for number in range(count))
    return [answer for (answer,) in await asyncio.gather(*calls)]


def shown(answers: list[PlacementResult]) -> Counter[str | None]:
    return Counter(answer.slots[0].action for answer in answers)


@pytest.mark.parametrize("span", SPANS)
async def test_a_cap_of_three_shows_it_three_times_however_many_ask_at_once(workers: list[Service], span: Span) -> None:
    await serve(workers, replace(CAPPED, actions=(PLAIN, Action("pop-up", cap=Cap(3, span))), pins=(Pin("pop-up"),)))
    answers = await at_once(workers, 50)
    assert shown(answers) == {"pop-up": 3, "plain": 47}
    assert Counter(answer.group for answer in answers) == {"pinned": 3, "policy": 47}
    assert shown(await at_once(workers, 5, Visitor("another", None))) == {"pop-up": 3, "plain": 2}
    assert len(await workers[0].logged()) == 55


async def test_a_capped_action_is_not_eligible_any_more(workers: list[Service]) -> None:
    await serve(workers, CAPPED)
    answers = await at_once(workers, 50)
    assert shown(answers)["pop-up"] == 3
    for entry in await workers[0].logged():
        assert (entry.eligible is None) == (len(entry.slots[0].propensities) == 2)
    assert {answer.slots[0].propensity for answer in await at_once(workers, 5)} == {1.0}


async def test_propensities_stay_true_however_many_ask_at_once(workers: list[Service]) -> None:
    """Where both actions were eligible, each was shown in half of the cases, though many drew what was then capped."""
    await serve(workers, replace(CAPPED, actions=(PLAIN, Action("pop-up", cap=Cap(1, "session")))))
    await asyncio.gather(*(at_once(workers, 6, Visitor(f"visitor {number}", None)) for number in range(150)))
    free = [entry for entry in await workers[0].logged() if entry.eligible is None]
    popped = sum(entry.slots[0].chosen == 1 for entry in free)
    assert len(free) > 200
    assert abs(popped - len(free) / 2) < 4.5 * sqrt(len(free)) / 2


async def test_a_row_counts_every_action_that_it_shows(workers: list[Service]) -> None:
    actions = (PLAIN, Action("other"), *(Action(id, cap=Cap(2, "day")) for id in ("x", "y", "z")))
    await serve(workers, replace(CAPPED, actions=actions, baseline=("plain", "other"), slots=2))
    answers = await at_once(workers, 40)
    counts = Counter(one.action for answer in answers for one in answer.slots)
    assert [counts[id] for id in ("x", "y", "z")] == [2, 2, 2]
    assert all(len({one.action for one in answer.slots}) == 2 for answer in answers)


async def test_a_cap_that_cannot_be_counted_is_kept_by_not_showing_it(workers: list[Service]) -> None:
    await serve(workers, CAPPED)
    for nobody in (Visitor(None, None), Visitor("a1", None, "denied")):
        assert shown(await at_once(workers, 20, nobody)) == {"plain": 20}


async def test_what_is_remembered_lapses(workers: list[Service]) -> None:
    actions = (PLAIN, *(Action(span, cap=Cap(1, span)) for span in SPANS))
    # Pinned, each is shown for sure: ten draws would leave one out now and then.
    await serve(workers, replace(CAPPED, actions=actions, pins=tuple(Pin(span) for span in SPANS)))
    assert shown(await at_once(workers, 10)) == {"plain": 7, "session": 1, "day": 1, "visitor": 1}
    client = workers[0].store._client
    ttls = [await client.execute(("PTTL", keys.exposure("shop", anonymous_digest("a1"), span))) for span in SPANS]
    for ttl, most in zip(ttls, (1_800_000, 86_400_000, 31_536_000_000), strict=True):
        assert most - 60_000 < ttl <= most
    await client.execute(("DEL", keys.exposure("shop", anonymous_digest("a1"), "session")))
    assert shown(await at_once(workers, 10)) == {"plain": 9, "session": 1}


async def test_a_policy_that_counts_nothing_pays_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Command] = []
    submit = service.store.pipeline.submit

    def overheard(command: Command, deadline: float) -> asyncio.Future[Any]:
        sent.append(command)
        return submit(command, deadline)

    monkeypatch.setattr(service.store.pipeline, "submit", overheard)
    await service.decide()
    assert [command[0] for command in sent] == ["GET", "XADD"]


@pytest.fixture
async def service(store: Store) -> Service:
    service = Service(store)
    await service.serve(replace(CAPPED, actions=(PLAIN, Action("other"))))
    return service


@pytest.mark.parametrize("sticky", ["session", "visitor"])
@pytest.mark.parametrize("share", [0.0, 0.9])
async def test_a_choice_that_sticks_is_one_decision_for_all_who_ask(
    workers: list[Service], sticky: Any, share: float
) -> None:
    await serve(workers, replace(STICKY, sticky=sticky, control_share=share))
    answers = [*await at_once(workers, 30), *await at_once(workers, 3)]
    assert len(set(map(repr, answers))) == 1
    (entry,) = await workers[0].logged()
    decision_id = answers[0].decision_id
    assert decision_id is not None
    assert workers[1].ids.read(decision_id).key == entry.key
    assert answers[0].slots[0].action == STICKY.actions[entry.slots[0].chosen].id
    assert answers[0].slots[0].propensity == (1 / 8 if entry.group == "policy" else 1.0)


async def test_without_sticking_every_request_draws(workers: list[Service]) -> None:
    await serve(workers, replace(STICKY, sticky="request"))
    assert len(shown(await at_once(workers, 40))) > 1
    assert len(await workers[0].logged()) == 40


async def test_visitors_stick_each_to_their_own_choice(workers: list[Service]) -> None:
    await serve(workers, STICKY)
    answers = [await at_once(workers, 4, Visitor(f"v{number}", None)) for number in range(20)]
    assert all(len(shown(one)) == 1 for one in answers)
    assert len(shown([one for several in answers for one in several])) > 1


async def test_a_choice_that_may_not_be_shown_any_more_is_drawn_anew(workers: list[Service]) -> None:
    await serve(workers, STICKY)
    (first,) = await at_once(workers, 1)
    gone = first.slots[0].action
    assert gone is not None
    (again,) = await workers[1].decide(PlacementRequest("hero", exclude=(gone,)))
    assert again.slots[0].action != gone
    assert again.slots[0].propensity == pytest.approx(1 / 7)
    assert again.decision_id != first.decision_id
    assert {answer.decision_id for answer in await at_once(workers, 5)} == {again.decision_id}


async def test_a_choice_does_not_outlive_its_action(workers: list[Service]) -> None:
    await serve(workers, replace(STICKY, actions=(PLAIN, Action("b")), pins=()))
    while shown(await at_once(workers, 1, visitor := Visitor(str(time_ns()), None))) != {"b": 1}:
        pass
    await serve(workers, replace(STICKY, actions=(PLAIN, Action("b", enabled=False))))
    assert shown(await at_once(workers, 5, visitor)) == {"plain": 5}


async def test_a_pin_goes_before_a_choice_that_sticks_and_leaves_it_as_it_is(workers: list[Service]) -> None:
    await serve(workers, replace(STICKY, pins=(Pin("h", {"page.type": "recall"}),)))
    (before,) = await at_once(workers, 1)
    (pinned,) = await at_once(workers, 1, page={"type": "recall"})
    (after,) = await at_once(workers, 1)
    assert (pinned.group, pinned.slots[0].action) == ("pinned", "h")
    assert before == after


async def test_showing_a_choice_again_counts_for_its_cap(workers: list[Service]) -> None:
    capped = tuple(Action(id, cap=Cap(2, "visitor")) for id in ("a", "b"))
    await serve(workers, replace(STICKY, actions=(PLAIN, *capped)))
    answers = [*await at_once(workers, 10), *await at_once(workers, 10)]
    counts = shown(answers)
    assert counts["a"] in (0, 2)
    assert counts["b"] in (0, 2)
    assert len(await workers[0].logged()) == len(counts)


async def test_a_row_sticks_as_a_whole_and_shows_as_much_of_it_as_is_asked_for(workers: list[Service]) -> None:
    await serve(workers, replace(STICKY, slots=3, baseline=("plain", "b", "c")))
    (three,) = await workers[0].decide(PlacementRequest("hero"))
    (two,) = await workers[1].decide(PlacementRequest("hero", slots=2))
    assert two.slots == three.slots[:2]
    assert two.decision_id == three.decision_id
    (fewer,) = await workers[0].decide(PlacementRequest("hero", slots=1), visitor=Visitor("b", None))
    (more,) = await workers[0].decide(PlacementRequest("hero", slots=2), visitor=Visitor("b", None))
    assert (len(fewer.slots), len(more.slots)) == (1, 2)
    assert fewer.decision_id != more.decision_id


async def tell(service: Service, event: str, decision_id: str | None = None, **who: Any) -> None:
    message = Message("track", event=event, properties=Properties(decision_id=decision_id), **who)
    site = service.follower.sites["shop"]
    assert await Recorder(service.store, service.ids, service.follower.find).record(site, [(0, message)], None) == []


async def everything(workers: list[Service]) -> set[str | None]:
    return set(shown(await at_once(workers, 40)))


async def test_what_was_dismissed_is_not_shown_again_and_the_rest_is(workers: list[Service]) -> None:
    await serve(workers, NEVER_AGAIN)
    (one,) = await at_once(workers, 1)
    while one.slots[0].action != "one":
        (one,) = await at_once(workers, 1)
    await tell(workers[0], "Dismissed", one.decision_id, anonymous_id="a1")
    assert await everything(workers) == {"plain", "two"}
    assert set(shown(await at_once(workers, 40, Visitor("another", None)))) == {"plain", "one", "two"}


async def test_what_was_bought_is_not_shown_again_by_any_id_of_the_buyer(workers: list[Service]) -> None:
    await serve(workers, NEVER_AGAIN)
    assert await everything(workers) == {"plain", "one", "two"}
    await tell(workers[0], "Viewed", anonymous_id="a1", user_id="u1")
    assert await everything(workers) == {"plain", "one", "two"}
    await tell(workers[0], "Order Completed", user_id="u1")
    assert await everything(workers) == {"plain", "two"}
    await tell(workers[0], "Dismissed", anonymous_id="a1")
    assert await everything(workers) == {"plain"}
