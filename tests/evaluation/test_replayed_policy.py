"""A replayed policy decides and learns as on a site, on the log's clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from edgewise.bandit.shape import shape_of
from edgewise.entries import Decision, Entry, Outcome, Version, decode
from edgewise.evaluation.logged_traffic import LoggedTraffic
from edgewise.evaluation.replayed_policy import ReplayedPolicy
from edgewise.learner.fold import Fold
from edgewise.policies.policy import Action, Cap, Pin, Reward
from edgewise.types import StreamId
from tests.evaluation.logs import HERO, planted

SLOW = replace(HERO, reward=Reward(window=10_000))


class Recording(Fold):
    """A learner that records its input."""

    def __init__(self) -> None:
        super().__init__(shape_of(HERO), lambda _: HERO)
        self.log: list[tuple[StreamId, Entry]] = []

    def advance(self, id: StreamId, data: bytes) -> None:
        self.log.append((id, decode(data)))
        super().advance(id, data)


def choices(traffic: LoggedTraffic, seed: int = 0) -> list[int | None]:
    replayed = ReplayedPolicy(traffic.policy, seed)
    return [replayed.decide(row) for row in traffic.rows]


def recorded(traffic: LoggedTraffic) -> tuple[Recording, list[int | None]]:
    fold = Recording()
    replayed = ReplayedPolicy(HERO, fold=fold)
    return fold, [replayed.decide(row) for row in traffic.rows]


def with_inverted_rewards(traffic: LoggedTraffic, where: list[bool]) -> LoggedTraffic:
    """The same traffic with inverted rewards in these rows."""
    rows = [
        row._replace(reward=1 - row.reward) if other else row for row, other in zip(traffic.rows, where, strict=True)
    ]
    return traffic._replace(rows=rows)


def test_replay_learns_the_best_action_of_each_context() -> None:
    traffic = planted(3000)
    wanted = [int(row.context["age"] == "young") for row in traffic.rows]
    found = [choice == want for choice, want in zip(choices(traffic), wanted, strict=True)]
    assert np.mean(found[:10]) < 0.9
    assert np.mean(found[2000:]) > 0.9


def test_the_same_traffic_and_seed_give_the_same_choices() -> None:
    traffic = planted(300)
    assert choices(traffic) == choices(traffic)
    assert choices(traffic) != choices(traffic, seed=1)


def test_replay_learns_only_from_rows_with_the_same_action() -> None:
    traffic = planted(600)
    before = choices(traffic)
    others = [row.action != choice for row, choice in zip(traffic.rows, before, strict=True)]
    assert choices(with_inverted_rewards(traffic, others)) == before
    assert choices(with_inverted_rewards(traffic, [not other for other in others])) != before


def test_a_reward_is_learned_after_its_window_closes() -> None:
    traffic = planted(1000, policy=SLOW)
    known_after = 500  # rows, of which fifty come in a second
    before, after = choices(traffic), choices(with_inverted_rewards(traffic, [True] * 1000))
    assert before[:known_after] == after[:known_after]
    assert before[known_after + 50 :] != after[known_after + 50 :]


def test_replay_writes_the_log_of_a_site() -> None:
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
    outcomes = [entry for entry in entries if isinstance(entry, Outcome)]
    assert [(one.key, one.name) for one in outcomes] == [
        (key, name) for key in matched for name in ("$impression", "$reward")
    ]


def test_replay_publishes_a_model_once_a_second() -> None:
    fold, _ = recorded(planted(500))
    decisions = [(id.ms // 1000, entry) for id, entry in fold.log if isinstance(entry, Decision)]
    versions = [entry.model_version for _, entry in decisions]
    assert versions == sorted(versions)
    for (second, earlier), (next_second, later) in pairwise(decisions):
        assert later.model_version - earlier.model_version == (second != next_second and next_second > 11)
    even = [0.5, 0.5]
    assert all((list(entry.slots[0].propensities) == even) == (entry.model_version == 0) for _, entry in decisions)


def test_replay_learns_closed_windows_before_the_next_row() -> None:
    traffic = planted(40)
    hours_apart = [row._replace(ms=row.ms + 3_600_000 * number) for number, row in enumerate(traffic.rows)]
    fold, chosen = recorded(traffic._replace(rows=hours_apart))
    decisions = [entry for _, entry in fold.log if isinstance(entry, Decision)]
    matched = [choice == row.action for choice, row in zip(chosen, traffic.rows, strict=True)]
    assert [entry.model_version for entry in decisions] == [sum(matched[:number]) for number in range(40)]


def test_replay_excludes_ineligible_actions() -> None:
    old_only = Action("plain", when={"data.age": "old"})
    young_only = Action("deal", when={"data.age": "young"})
    one_each = planted(100, policy=replace(HERO, actions=(old_only, young_only)))
    assert choices(one_each) == [int(row.context["age"] == "young") for row in one_each.rows]
    none_for_some = planted(100, policy=replace(HERO, actions=(old_only, old_only)))
    assert [choice is None for choice in choices(none_for_some)] == [
        row.context["age"] == "young" for row in none_for_some.rows
    ]


def test_replay_applies_pins_and_does_not_learn_from_them() -> None:
    pinned = replace(HERO, pins=(Pin("deal", {"data.age": "old"}),))
    traffic = planted(500, policy=pinned)
    found = choices(traffic)
    old = [row.context["age"] == "old" for row in traffic.rows]
    assert all(choice == 1 for choice, is_old in zip(found, old, strict=True) if is_old)
    assert choices(with_inverted_rewards(traffic, old)) == found


def test_replay_applies_start_and_end_on_the_clock_of_the_log() -> None:
    traffic = planted(200)
    half, (plain, deal) = traffic.rows[100].ms, HERO.actions
    timed = replace(HERO, actions=(replace(plain, ends=half), replace(deal, starts=half)))
    assert choices(traffic._replace(policy=timed)) == [0] * 100 + [1] * 100


def test_replay_excludes_capped_actions() -> None:
    plain, deal = HERO.actions
    capped = replace(HERO, actions=(plain, replace(deal, cap=Cap(1, "visitor"))))
    assert set(choices(planted(100, policy=capped))) == {0}
