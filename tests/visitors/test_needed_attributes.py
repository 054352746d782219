from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.bandit.features import context_line
from edgewise.visitors.activity import Activity
from edgewise.visitors.attribute_table import ATTRIBUTES, ON_DEMAND
from edgewise.visitors.attributes import make_attributes
from edgewise.visitors.needed_attributes import NeededAttributes
from tests.visitors.activities import NOW, activities, make_page, make_profile

NAMES = sorted(one.name for one in ATTRIBUTES)


@given(st.lists(activities, max_size=20), st.sets(st.sampled_from(NAMES)))
def test_needed_attributes_have_the_values_that_they_have_among_all(many: list[Activity], names: set[str]) -> None:
    profile = make_profile(*many)
    every = make_attributes(profile, NOW)
    some = make_attributes(profile, NOW, needed=NeededAttributes(f"visitor.{name}" for name in names))
    assert {name: some.get(name) for name in names} == {name: every.get(name) for name in names}


@given(st.lists(activities, max_size=20), st.sets(st.sampled_from(NAMES)))
def test_features_do_not_depend_on_the_needs_of_conditions(many: list[Activity], names: set[str]) -> None:
    profile = make_profile(*many)
    some = make_attributes(profile, NOW, needed=NeededAttributes(f"visitor.{name}" for name in names))
    assert context_line({"visitor": some}) == context_line({"visitor": make_attributes(profile, NOW)})


def test_only_needed_traits_are_made() -> None:
    profile = make_profile(
        make_page("home", NOW, 1),
        Activity("identify", None, NOW, b"identify", traits={"plan": "pro", "age": 30}),
    )

    def traits(*paths: str) -> object:
        return make_attributes(profile, NOW, needed=NeededAttributes(paths))["traits"]

    assert traits("visitor.traits.plan") == {"plan": "pro"}
    assert traits("visitor.traits.plan.x") == {"plan": "pro"}
    assert traits("visitor.traits.plan", "visitor.traits") == {"plan": "pro", "age": 30}


def test_the_whole_visitor_needs_every_attribute() -> None:
    assert NeededAttributes(["visitor", "visitor.orders"]).names >= ON_DEMAND
    assert NeededAttributes(["page.type", "visitors.orders"]).names == frozenset()


def test_only_some_attributes_need_the_full_profile() -> None:
    assert NeededAttributes(["visitor.events.Login"]).needs_full_profile
    assert not NeededAttributes(["visitor.orders", "visitor.traits.plan"]).needs_full_profile
