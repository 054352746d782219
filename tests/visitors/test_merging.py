from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.activity import Act
from edgewise.visitors.merging import merge
from edgewise.visitors.profile import Profile
from tests.visitors.acts import act, acts, lived

histories = st.lists(acts, max_size=15)


@given(histories, histories)
def test_it_does_not_matter_which_history_is_merged_into_which(one: list[Act], other: list[Act]) -> None:
    a, b = lived(*one), lived(*other)
    assert merge(a, b) == merge(b, a)
    assert merge(a, b).encode() == merge(b, a).encode()


@given(histories)
def test_to_merge_with_nothing_changes_nothing(one: list[Act]) -> None:
    assert merge(lived(*one), Profile()) == lived(*one)


@given(histories, histories, histories)
def test_counters_of_three_histories_add_up_in_any_order(one: list[Act], other: list[Act], third: list[Act]) -> None:
    a, b, c = lived(*one), lived(*other), lived(*third)
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    for name in ("sessions", "page_views", "searches", "products_viewed", "orders", "engaged", "origin", "cart"):
        assert getattr(left, name) == getattr(right, name)
    assert math.isclose(left.revenue, right.revenue, rel_tol=1e-9, abs_tol=1e-3) or abs(left.revenue) >= 1e10


def test_a_repeat_is_known_whichever_history_had_it() -> None:
    both = merge(lived(act(message=1)), lived(act(message=2)))
    assert both.apply(act(message=1)) == both
    assert both.apply(act(message=2)) == both


def test_the_group_stays_that_of_the_id_that_was_known_first() -> None:
    later = lived(act(at=2000, ids=(b"aaaaaaaa",)))
    first = lived(act(at=1000, ids=(b"bbbbbbbb",)))
    assert merge(later, first).origin == merge(first, later).origin == (1000, b"bbbbbbbb")
