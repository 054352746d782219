"""The linear model: what it learns, what it keeps, and that a stop changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewise.bandit import linear_learner
from edgewise.bandit.features import action_line
from edgewise.bandit.linear_learner import LinearLearner, decode_model
from edgewise.bandit.linear_scorer import LinearActions, LinearScorer
from edgewise.bandit.terms import terms_of
from edgewise.policies.policy import Action

SOURCES = ("instagram", "google", "newsletter")


def actions_of(*actions: Action) -> LinearActions:
    parsed = LinearActions()
    parsed.extend([action_line(action) for action in actions])
    return parsed


def plain(count: int) -> LinearActions:
    return actions_of(*(Action(f"action {n}", {"tone": f"t{n % 3}", "price": 3.5 * n}) for n in range(count)))


def context(random: Random) -> tuple[str, int]:
    """A context, and the action that its visitor likes."""
    source = random.randrange(3)
    return (
        f"shared |v source={SOURCES[source]} sessions=%n{random.randrange(1, 9)} |t hour=%h{random.randrange(9)}",
        source,
    )


def shop(seed: int, events: int, shift: int = 0) -> Iterator[tuple[str, int, float]]:
    """Contexts with uniform choices of three actions and their rewards. The liked one earns 0.5, others 0.1."""
    random = Random(seed)
    for _ in range(events):
        line, liked = context(random)
        chosen = random.randrange(3)
        yield line, chosen, float(random.random() < (0.5 if chosen == (liked + shift) % 3 else 0.1))


def taught(learner: LinearLearner, actions: LinearActions, events: Iterator[tuple[str, int, float]]) -> LinearLearner:
    for line, chosen, reward in events:
        learner.learn(line, actions, range(len(actions)), chosen, -reward)
    return learner


def scorer_of(learner: LinearLearner) -> LinearScorer:
    return LinearScorer(decode_model(learner.serialize())[0])


def best(learner: LinearLearner, actions: LinearActions) -> list[int]:
    scorer = scorer_of(learner)
    lines = [f"shared |v source={source} sessions=%n2 |t hour=%h3" for source in SOURCES]
    chances = [scorer.probabilities(line, actions, range(len(actions))) for line in lines]
    return [max(range(len(actions)), key=of_line.__getitem__) for of_line in chances]


def test_it_learns_what_each_kind_of_visitor_likes() -> None:
    actions = plain(3)
    assert best(taught(LinearLearner(), actions, shop(1, 600)), actions) == [0, 1, 2]


def test_after_a_change_of_tastes_it_learns_the_new_ones() -> None:
    actions = plain(3)
    learner = taught(LinearLearner(), actions, shop(2, 3000))
    assert best(learner, actions) == [0, 1, 2]
    assert best(taught(learner, actions, shop(3, 1200, shift=1)), actions) == [1, 2, 0]


def test_without_a_change_of_tastes_it_forgets_nothing() -> None:
    actions = plain(3)
    learner = taught(LinearLearner(), actions, shop(4, 6000))
    assert learner.tables.changes == 0
    assert learner.tables.events == 6000


def test_it_counts_conversions_and_the_share_of_exploration() -> None:
    actions, learner, events = plain(3), LinearLearner(), list(shop(21, 1500))
    fitted = scorer_of(taught(learner, actions, iter(events))).fitted
    assert fitted is not None
    progress = fitted.progress
    assert abs(progress.conversions - sum(reward for _, _, reward in events)) <= 20, "as of the last fit"
    assert progress.explored == pytest.approx(2 / 3, abs=0.05), "two of three actions are not the best one"
    assert progress.changes == 0


def test_most_intervals_have_the_true_reward() -> None:
    """Of 90 intervals with 95%, at least 78 have it. By chance, 77 or fewer do in one of a thousand such tests."""
    actions, hits = plain(3), 0
    for seed in range(30):
        scorer = scorer_of(taught(LinearLearner(), actions, shop(100 + seed, 600)))
        found = scorer.expected_rewards(None, actions, range(3))
        assert found is not None
        assert sum(one.best for one in found) == pytest.approx(1, abs=1e-5)
        hits += sum(one.low <= (0.5 + 0.1 + 0.1) / 3 <= one.high for one in found)
    assert hits >= 78


def test_the_average_visitor_has_the_most_common_values() -> None:
    """Nine of ten visitors come from Google and like the second action. It earns 0.46 on average, others less."""
    actions, learner, random = plain(3), LinearLearner(), Random(23)
    for _ in range(2000):
        liked, chosen = 1 if random.random() < 0.9 else 0, random.randrange(3)
        reward = float(random.random() < (0.5 if chosen == liked else 0.1))
        learner.learn(f"shared |v source={SOURCES[liked]}", actions, range(3), chosen, -reward)
    found = scorer_of(learner).expected_rewards(None, actions, range(3))
    assert found is not None
    assert [round(one.reward, 1) for one in found] == [0.1, 0.5, 0.1]


def test_expected_rewards_are_for_a_context_or_the_average_visitor() -> None:
    actions = plain(3)
    assert LinearScorer(None).expected_rewards(None, actions, range(3)) is None
    scorer = scorer_of(taught(LinearLearner(), actions, shop(22, 1500)))
    average, google = (
        scorer.expected_rewards(line, actions, (0, 1)) for line in (None, "shared |v source=google sessions=%n2")
    )
    assert average is not None
    assert google is not None
    assert google[1].reward > 0.35 > average[1].reward
    assert google[1].best > 0.99
    assert google[1].reward - google[0].reward > 0.25


def test_untrained_actions_are_equally_likely_and_new_ones_get_a_chance() -> None:
    actions = plain(3)
    assert LinearScorer(None).probabilities("shared |", actions, (0, 2)) == [0.5, 0.5]
    random, learner = Random(5), LinearLearner()
    for n in range(900):
        learner.learn(context(random)[0], actions, range(3), n % 3, -float(random.random() < 0.1))
    probabilities = scorer_of(learner).probabilities("shared |v source=google", plain(4), range(4))
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-5)
    assert 0.05 < probabilities[3] < 0.95


def test_an_action_that_was_rarely_shown_gets_a_chance() -> None:
    actions, learner, random = plain(4), LinearLearner(), Random(11)
    for n in range(900):
        learner.learn(context(random)[0], actions, range(4), n % 3, -float(random.random() < 0.1))
    assert scorer_of(learner).probabilities("shared |v source=google", actions, range(4))[3] > 0.05


def test_an_attribute_that_explains_nothing_matters_less_than_one_that_does() -> None:
    learner = taught(LinearLearner(), plain(3), shop(12, 1500))
    data = learner._data
    assert data is not None
    groups = data.tables.groups
    assert data.own[groups["v.source"]] > 10 * data.own[groups["t.hour"]]


def test_a_missing_number_is_zero() -> None:
    """Visitors without sessions like the first action, others the second."""
    actions, learner, random = plain(2), LinearLearner(), Random(13)
    for _ in range(600):
        sessions, chosen = random.choice((0, 9)), random.randrange(2)
        line = f"shared |v sessions=%n{sessions}" if sessions else "shared |"
        learner.learn(
            line, actions, range(2), chosen, -float(random.random() < (0.6 if chosen == (sessions > 0) else 0.1))
        )
    scorer = scorer_of(learner)
    assert scorer.probabilities("shared |", actions, range(2))[0] > 0.9
    assert scorer.probabilities("shared |v sessions=%n9", actions, range(2))[1] > 0.9


def test_renamed_features_of_actions_do_not_add_up() -> None:
    learner = LinearLearner()
    for edit in range(600):
        actions = actions_of(
            *(Action(f"action {n}", {f"feature {edit} {k}": f"t{n % 2}" for k in range(4)}) for n in range(4))
        )
        learner.learn("shared |", actions, range(4), edit % 4, 0.0)
    assert len(learner.tables.levels) <= 270


def test_an_action_keeps_its_weights_at_another_position() -> None:
    actions = plain(3)
    scorer = scorer_of(taught(LinearLearner(), actions, shop(6, 600)))
    line = "shared |v source=google"
    before = scorer.probabilities(line, actions, range(3))
    turned = actions_of(*(Action(f"action {n}") for n in (2, 1, 0)))
    assert scorer.probabilities(line, turned, range(3)) == pytest.approx(before[::-1], abs=1e-5)
    assert scorer.probabilities(line, actions, (0, 1, 2)) == before


def test_a_learned_action_helps_a_similar_one() -> None:
    """A new action with the liked tone is preferred to a new one with the other tone."""
    actions = actions_of(*(Action(f"action {n}", {"tone": "warm" if n % 2 else "cold"}) for n in range(8)))
    learner, random = LinearLearner(), Random(7)
    for _ in range(1500):
        chosen = random.randrange(6)
        learner.learn("shared |", actions, range(8), chosen, -float(random.random() < (0.5 if chosen % 2 else 0.1)))
    probabilities = scorer_of(learner).probabilities("shared |", actions, (6, 7))
    assert probabilities[1] > 0.9


@given(st.integers(0, 10_000), st.lists(st.integers(1, 399), max_size=4), st.booleans())
@settings(max_examples=8)
def test_stops_and_rests_do_not_change_the_bytes(seed: int, stops: list[int], rests: bool) -> None:
    versions = [plain(3), plain(5), actions_of(Action("action 1"), Action("other", {"tone": "t1"}))]
    random = Random(seed)
    events = []
    for n in range(400):
        line, _ = context(random)
        line += f" |p path={random.randrange(60)} |x " + " ".join(
            f"n{k}=%n{random.randrange(-9, 9) or 1}" for k in range(3)
        )
        actions = versions[min(n // 150, 2)]
        events.append((line, actions, random.randrange(len(actions)), -float(random.random() < 0.2)))
    whole, stopped = LinearLearner(), LinearLearner()
    for n, (line, actions, chosen, cost) in enumerate(events):
        whole.learn(line, actions, range(len(actions)), chosen, cost)
        stopped.learn(line, actions, range(len(actions)), chosen, cost)
        if n in stops:
            if rests:
                stopped.rest()
            else:
                stopped = LinearLearner(stopped.serialize())
    assert stopped.serialize() == whole.serialize()


def test_memory_has_a_bound_whatever_is_learned() -> None:
    """Many values, many numbers, many actions, and huge numbers."""
    random, learner = Random(8), LinearLearner()
    versions = [actions_of(*(Action(f"action {version}-{n}") for n in range(40))) for version in range(6)]
    for n in range(900):
        terms = [f"a{random.randrange(200)}=v{random.randrange(50)}" for _ in range(20)]
        terms += [f"n{random.randrange(300)}={random.choice(('%h120', '%m120', '%n7', '%h-60'))}" for _ in range(20)]
        actions = versions[n // 150]
        learner.learn(f"shared |x {' '.join(terms)}", actions, range(40), n % 40, -float(random.random() < 0.5))
    assert len(learner.serialize()) < 4_000_000
    tables = learner.tables
    assert len(tables.actions) <= 2 * 40 + 8
    assert len(tables.actions) * len(tables.columns) ** 2 <= 200_000
    assert len(tables.candidates) <= 1024
    assert len(tables.groups) <= len(tables.columns)
    scorer = scorer_of(learner)
    probabilities = scorer.probabilities("shared |x n1=%h120 n2=%m120 a1=v1", versions[-1], range(40))
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-4)


def test_a_common_value_takes_the_place_of_a_rare_one() -> None:
    actions, learner = plain(2), LinearLearner()
    (common,) = terms_of("shared |p path=common")
    for n in range(400):
        learner.learn(f"shared |p path={n % 130}", actions, range(2), n % 2, 0.0)
    assert common.column not in {column.name for column in learner.tables.columns}
    for _ in range(60):
        learner.learn("shared |p path=common", actions, range(2), 0, 0.0)
    assert common.column in {column.name for column in learner.tables.columns}


def test_no_text_of_a_visitor_is_in_the_model() -> None:
    actions, learner = plain(2), LinearLearner()
    for n in range(100):
        learner.learn(f"shared |x email=ann{n % 40}@example.com", actions, range(2), n % 2, 0.0)
    assert b"example" not in learner.serialize()


def test_old_rewards_fade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_learner, "MEMORY", 500.0)
    learner = taught(LinearLearner(), plain(3), shop(9, 2000))
    assert learner.tables.learned == 2000
    assert learner.tables.events <= 506
    assert learner.tables.rewards < 506 * 0.5


def test_a_scorer_keeps_a_bounded_number_of_contexts() -> None:
    actions = plain(3)
    scorer = scorer_of(taught(LinearLearner(), actions, shop(10, 300)))
    for n in range(3000):
        line = f"shared |x a{n}=b{n} " + "c" * (n % 1000)
        assert scorer.probabilities(line, actions, range(3)) == scorer.probabilities(line, actions, [0, 1, 2])
    assert sum(map(len, scorer._known.values())) <= 4000 + 3
    assert max(map(len, scorer._known)) <= 512
    assert len(scorer._tokens) <= 1024
