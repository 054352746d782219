"""A replayed serves and learns as a site does, on the log's clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from edgewise.bandit.shape import shape_of
from edgewise.entries import Decision, Entry, Outcome, Version, decode
from edgewise.evaluate.log_rows import Traffic
from edgewise.evaluate.replayed_policy import ReplayedPolicy
from edgewise.learner.fold import Fold
from edgewise.policies.policy import Action, Cap, Pin, Reward
from edgewise.types import StreamId
from tests.evaluate.logs import HERO, planted

SLOW = replace(HERO, reward=Reward(window=10_000))


class Recording(Fold):
    """The learner, which keeps what it was given."""

    def __init__(self) -> None:
        super().__init__(shape_of(HERO), lambda _: HERO)
        self.log: list[tuple[StreamId, Entry]] = []

    def advance(self, id: StreamId, data: bytes) -> None:
        self.log.append((id, decode(data)))
        super().advance(id, data)


def choices(traffic: Traffic, seed: int = 0) -> list[int | None]:
    replayed = ReplayedPolicy(traffic.policy, seed)
    return [replayed.decide(row) for row in traffic.rows]


def recorded(traffic: Traffic) -> tuple[Recording, list[int | None]]:
    fold = Recording()
    replayed = ReplayedPolicy(HERO, fold=fold)
    return fold, [replayed.decide(row) for row in traffic.rows]


def rewarded_otherwise(traffic: Traffic, where: list[bool]) -> Traffic:
    """The same, with other rewards in these rows."""
    rows = [
        row._replace(reward=1 - row.reward) if other else row for row, other in zip(traffic.rows, where, strict=True)
    ]
    return traffic._replace(rows=rows)


def test_it_learns_whom_to_show_what() -> None:
    traffic = planted(3000)
    wanted = [int(row.context["age"] == "young") for row in traffic.rows]
    found = [choice == want for choice, want in zip(choices(traffic), wanted, strict=True)]
    assert np.mean(found[:10]) < 0.9
    assert np.mean(found[2000:]) > 0.9


def test_the_same_traffic_and_seed_give_the_same_choices() -> None:
    traffic = planted(300)
    assert choices(traffic) == choices(traffic)
    assert choices(traffic) != choices(traffic, seed=1)


def test_nothing_is_learned_from_a_row_whose_action_was_another() -> None:
    traffic = planted(600)
    before = choices(traffic)
    others = [row.action != choice for row, choice in zip(traffic.rows, before, strict=True)]
    assert choices(rewarded_otherwise(traffic, others)) == before
    assert choices(rewarded_otherwise(traffic, [not other for other in others])) != before


def test_a_reward_changes_nothing_before_its_window_has_closed() -> None:
    traffic = planted(1000, policy=SLOW)
    known_after = 500  # rows, of which fifty come in a second
    before, after = choices(traffic), choices(rewarded_otherwise(traffic, [True] * 1000))
    assert before[:known_after] == after[:known_after]
    assert before[known_after + 50 :] != after[known_after + 50 :]


def test_its_log_is_one_that_a_site_would_have_written() -> None:
    traffic = planted(500)
    fold, chosen = recorded(traffic)
    ids, entries = zip(*fold.log, strict=True)
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert isinstance(entries[0], Version)
    decisions = [(id, entry) for id, entry in fold.log if isinstance(entry, Decision)]
    assert [id.ms for id, _ in decisions] == [row.ms for row in traffic.rows]
    assert [entry.slots[0].chosen for _, entry in decisions] == chosen
    assert {entry.context for _, entry in decisions} == {"shared |x age=young", "shared |x age=old"}
    matched = [
        entry.key
        for (_, entry), row in zip(decisions, traffic.rows, strict=True)
        if entry.slots[0].chosen == row.action
    ]
    told = [entry for entry in entries if isinstance(entry, Outcome)]
    assert [(one.key, one.name) for one in told] == [
        (key, name) for key in matched for name in ("$impression", "$reward")
    ]


def test_a_model_is_published_once_a_second_and_serves_from_then_on() -> None:
    fold, _ = recorded(planted(500))
    decisions = [(id.ms // 1000, entry) for id, entry in fold.log if isinstance(entry, Decision)]
    versions = [entry.model_version for _, entry in decisions]
    assert versions == sorted(versions)
    for (second, earlier), (next_second, later) in pairwise(decisions):
        assert later.model_version - earlier.model_version == (second != next_second and next_second > 11)
    even = [0.5, 0.5]
    assert all((list(entry.slots[0].propensities) == even) == (entry.model_version == 0) for _, entry in decisions)


def test_in_a_quiet_log_what_closed_is_learned_before_the_next_row() -> None:
    traffic = planted(40)
    hours_apart = [row._replace(ms=row.ms + 3_600_000 * number) for number, row in enumerate(traffic.rows)]
    fold, chosen = recorded(traffic._replace(rows=hours_apart))
    decisions = [entry for _, entry in fold.log if isinstance(entry, Decision)]
    matched = [choice == row.action for choice, row in zip(chosen, traffic.rows, strict=True)]
    assert [entry.model_version for entry in decisions] == [sum(matched[:number]) for number in range(40)]


def test_only_who_may_see_an_action_is_shown_it() -> None:
    old_only = Action("plain", when={"data.age": "old"})
    young_only = Action("deal", when={"data.age": "young"})
    one_each = planted(100, policy=replace(HERO, actions=(old_only, young_only)))
    assert choices(one_each) == [int(row.context["age"] == "young") for row in one_each.rows]
    none_for_some = planted(100, policy=replace(HERO, actions=(old_only, old_only)))
    assert [choice is None for choice in choices(none_for_some)] == [
        row.context["age"] == "young" for row in none_for_some.rows
    ]


def test_rules_go_before_what_was_learned() -> None:
    pinned = replace(HERO, pins=(Pin("deal", {"data.age": "old"}),))
    traffic = planted(500, policy=pinned)
    found = choices(traffic)
    old = [row.context["age"] == "old" for row in traffic.rows]
    assert all(choice == 1 for choice, is_old in zip(found, old, strict=True) if is_old)
    assert choices(rewarded_otherwise(traffic, old)) == found


def test_an_action_is_shown_at_its_times_on_the_log_s_clock() -> None:
    traffic = planted(200)
    half, (plain, deal) = traffic.rows[100].ms, HERO.actions
    timed = replace(HERO, actions=(replace(plain, ends=half), replace(deal, starts=half)))
    assert choices(traffic._replace(policy=timed)) == [0] * 100 + [1] * 100


def test_what_may_be_shown_only_so_often_is_not_shown_to_nobody_in_particular() -> None:
    plain, deal = HERO.actions
    capped = replace(HERO, actions=(plain, replace(deal, cap=Cap(1, "visitor"))))
    assert set(choices(planted(100, policy=capped))) == {0}
