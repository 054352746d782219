from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.bandit.features import context_line
from edgewise.visitors.activity import Act
from edgewise.visitors.attributes import attributes
from edgewise.visitors.identity import glanced
from edgewise.visitors.needed_attributes import ONLY_CONDITIONS, Reading
from edgewise.visitors.partial_profile import DETAILS
from edgewise.visitors.profile import Profile
from tests.visitors.acts import NOW, act, acts, lived, page, product
from tests.visitors.test_profile import fullest, typical

NAMES = sorted(attributes(fullest(), NOW))


@given(st.lists(acts, max_size=20), st.sets(st.sampled_from(NAMES)))
def test_what_is_asked_for_is_what_it_is_when_everything_is(many: list[Act], asked: set[str]) -> None:
    profile = lived(*many)
    everything = attributes(profile, NOW)
    some = attributes(profile, NOW, reading=Reading(f"visitor.{name}" for name in asked))
    assert {name: some.get(name) for name in asked} == {name: everything.get(name) for name in asked}


@given(st.lists(acts, max_size=20), st.sets(st.sampled_from(NAMES)))
def test_the_features_do_not_depend_on_what_conditions_ask_for(many: list[Act], asked: set[str]) -> None:
    profile = lived(*many)
    some = attributes(profile, NOW, reading=Reading(f"visitor.{name}" for name in asked))
    assert context_line({"visitor": some}) == context_line({"visitor": attributes(profile, NOW)})


@given(st.lists(acts, max_size=20), st.sets(st.sampled_from(sorted(set(NAMES) - DETAILS))))
def test_a_glance_tells_the_same_as_the_profile(many: list[Act], asked: set[str]) -> None:
    profile = lived(*many)
    reading = Reading(f"visitor.{name}" for name in asked)
    from_all, from_a_glance = (attributes(one, NOW, reading=reading) for one in (profile, glanced(profile.encode())))
    assert {name: value for name, value in from_all.items() if name not in DETAILS} == {
        name: value for name, value in from_a_glance.items() if name not in DETAILS
    }


@pytest.mark.parametrize("profile", [typical(), fullest()], ids=["typical", "fullest"])
def test_a_glance_knows_when_and_as_whom_a_visitor_began(profile: Profile) -> None:
    assert glanced(profile.encode()).origin == profile.origin


def test_of_bytes_that_are_no_profile_nothing_is_known(caplog: pytest.LogCaptureFixture) -> None:
    assert attributes(glanced(b"\x93\x01\x02\x03"), NOW)["sessions"] == 0
    assert "cannot be read" in caplog.text


def test_of_interests_and_traits_only_those_that_are_named_are_asked_for() -> None:
    profile = lived(
        page("home", NOW, 1),
        Act("identify", None, NOW, b"identify", traits={"plan": "pro", "age": 30}),
    )
    assert attributes(profile, NOW, reading=Reading(["visitor.traits.plan"]))["traits"] == {"plan": "pro"}
    assert attributes(profile, NOW, reading=Reading(["visitor.traits.plan.x"]))["traits"] == {"plan": "pro"}
    assert attributes(profile, NOW, reading=Reading(["visitor.traits.plan", "visitor.traits"]))["traits"] == {
        "plan": "pro",
        "age": 30,
    }


def test_one_who_asks_for_the_visitor_asks_for_everything() -> None:
    assert Reading(["visitor", "visitor.orders"]).names >= ONLY_CONDITIONS
    assert Reading(["page.type", "visitors.orders"]).names == frozenset()


def test_every_attribute_that_takes_time_to_make_is_one_that_there_is() -> None:
    told = set(attributes(fullest(), NOW)) | set(attributes(lived(act("Product Added", products=(product("a"),))), NOW))
    assert told >= ONLY_CONDITIONS
