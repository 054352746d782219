from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.entries import Outcome
from edgewise.events.parser import FAR_AHEAD, FAR_BACK, MAX_AGE, Listener, Rejected, Telling, milliseconds
from edgewise.ids.decision import DecisionIds, policy_id
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.policies.compiled import encode_policy
from edgewise.serving.served import ServedPlacement, ServedSite
from edgewise.sites import Site
from edgewise.types import PolicyRef
from edgewise.visitors.message import Message, Properties
from tests.learner.stage import POLICY

NOW = 1_760_000_000_000
REF = PolicyRef("shop", "hero")
IDS = DecisionIds((b"a key" * 5,))
KEY = b"0123456789ab"
PLACEMENT = ServedPlacement(REF, encode_policy(POLICY))
SITE = ServedSite(Site("shop", "key", (), ("hero",)), {"hero": PLACEMENT})

times = st.datetimes(
    timezones=st.none() | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)


def understood(message: Message, sent_at: int | None = None, site: ServedSite = SITE) -> Telling:
    found = {PLACEMENT.policy_id: PLACEMENT}
    telling = Listener(site, IDS, found.get, NOW, sent_at).understand(message)
    assert telling is not None
    return telling


def track(event: str, slots: int = 1, **properties: Any) -> Message:
    id = IDS.issue(PLACEMENT.policy_id, slots, KEY)
    return Message("track", event=event, message_id="m", properties=Properties(decision_id=id, **properties))


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def outcome(telling: Telling) -> Outcome:
    assert telling.outcome is not None
    ref, found = telling.outcome
    assert ref == REF
    return found


@pytest.mark.parametrize(
    ("happened", "sent_at", "age"),
    [
        (None, None, 0),
        (None, NOW - 5000, 0),
        (at(NOW - 1500), None, 1500),
        (at(NOW + 1500), None, 0),
        # A clock that is an hour slow, and one that is a day fast: what counts is the time between.
        (at(NOW - 3_600_000 - 250), NOW - 3_600_000, 250),
        (at(NOW + 86_400_000 - 250), NOW + 86_400_000, 250),
        (at(NOW + 1), NOW, 0),
        (at(NOW - MAX_AGE), None, MAX_AGE),
    ],
)
def test_the_age_is_told_by_the_senders_own_clock(happened: datetime | None, sent_at: int | None, age: int) -> None:
    telling = understood(Message("page", anonymous_id="a", timestamp=happened), sent_at)
    assert (telling.age, telling.act.at) == (age, NOW - age)


@given(times, st.none() | times)
def test_whatever_the_clocks_say_an_age_is_up_to_seven_days(happened: datetime, sent: datetime | None) -> None:
    sent_at = None if sent is None else milliseconds(sent)
    try:
        telling = understood(Message("page", anonymous_id="a", timestamp=happened), sent_at)
    except Rejected:
        far = (NOW if sent_at is None else sent_at) - milliseconds(happened)
        assert not -FAR_AHEAD <= far <= FAR_BACK
    else:
        assert 0 <= telling.age <= MAX_AGE


def test_a_profile_knows_the_true_time_of_what_the_log_takes_for_a_week_old() -> None:
    telling = understood(Message("page", anonymous_id="a", timestamp=at(NOW - 5 * MAX_AGE)))
    assert (telling.age, telling.act.at) == (MAX_AGE, NOW - 5 * MAX_AGE)


@pytest.mark.parametrize("off", [FAR_AHEAD + 1000, -FAR_BACK - 1000, 20 * FAR_BACK, -40 * FAR_BACK])
def test_a_time_far_off_is_refused(off: int) -> None:
    with pytest.raises(Rejected, match=r"^timestamp: found \d{4}-.* expected at most 366 before and 1 after$"):
        understood(Message("page", anonymous_id="a", timestamp=at(NOW + off)))
    understood(Message("page", anonymous_id="a", timestamp=at(NOW + off)), sent_at=NOW + off)


def test_a_time_without_a_zone_is_utc() -> None:
    assert milliseconds(datetime(2026, 1, 1)) == milliseconds(datetime(2026, 1, 1, tzinfo=UTC))
    assert milliseconds(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 1_767_225_600_000


def test_only_a_reward_has_a_value() -> None:
    reward, click = outcome(understood(track("$reward", value=3))), outcome(understood(track("$click", value=3)))
    assert (reward.key, reward.name, reward.value) == (KEY, "$reward", 3.0)
    assert (click.name, click.value) == ("$click", None)


@given(st.integers(1, 127), st.integers())
def test_a_slot_is_one_of_the_decisions(slots: int, slot: int) -> None:
    message = track("$click", slots, slot=slot)
    if 0 <= slot < slots:
        assert outcome(understood(message)).slot == slot
    else:
        with pytest.raises(Rejected, match=f"expected a whole number from 0 to {slots - 1}$"):
            understood(message)


@pytest.mark.parametrize("value", [None, "3", True, [], float("nan"), float("inf"), 10**400, b"3"])
def test_a_reward_without_a_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(Rejected, match=r"^properties\.value: found .*, expected a finite number$"):
        understood(track("$reward", value=value))


def test_any_event_may_name_its_decision_and_is_the_visitors_as_well() -> None:
    telling = understood(
        Message("track", event="Order Completed", user_id="u", properties=track("x", revenue=5).properties)
    )
    assert outcome(telling).name == "Order Completed"
    assert telling.visitors == (user_digest("u"),)
    assert telling.act.commerce is not None
    assert telling.act.commerce.amount == 5.0


def test_a_click_is_nobodys_deed() -> None:
    message = Message("track", event="$click", anonymous_id="a", properties=track("x").properties)
    assert understood(message).visitors == ()


@pytest.mark.parametrize("event", ["$impression", "$click", "$reward"])
def test_a_reserved_event_without_a_decision_is_refused(event: str) -> None:
    for properties in (None, Properties(), Properties(decision_id="nonsense"), Properties(decision_id=1)):
        with pytest.raises(Rejected, match=r"^properties\.decisionId: ") as rejected:
            understood(Message("track", event=event, anonymous_id="a", properties=properties))
        assert rejected.value.code == "unknown_decision"


def test_a_decision_of_another_site_or_of_no_placement_any_more_is_unknown() -> None:
    other = ServedSite(Site("other", "key", (), ()), {})
    gone = IDS.issue(policy_id(PolicyRef("shop", "gone")), 1, KEY)
    for message, site in (
        (track("$click"), other),
        (Message("track", event="$click", properties=Properties(decision_id=gone)), SITE),
    ):
        with pytest.raises(Rejected, match="leads to no placement of this site"):
            understood(message, site=site)


def test_only_a_track_message_tells_of_a_decision() -> None:
    message = Message("page", event="$click", anonymous_id="a", properties=track("x").properties)
    assert understood(message).outcome is None


def test_all_ids_that_a_message_tells_are_the_visitors() -> None:
    telling = understood(Message("alias", anonymous_id="a", user_id="u", previous_id="p"))
    assert telling.visitors == (anonymous_digest("a"), user_digest("u"))
    assert set(telling.act.ids) == {*telling.visitors, anonymous_digest("p"), user_digest("p")}


def test_a_message_without_an_id_of_its_own_is_like_no_other() -> None:
    message = Message("page", anonymous_id="a")
    assert understood(message).act.message != understood(message).act.message
    named = Message("page", anonymous_id="a", message_id="m")
    assert understood(named).act.message == understood(named).act.message


@pytest.mark.parametrize(
    ("properties", "revenue"),
    [
        (Properties(revenue=10, total=12), 10.0),
        (Properties(total=12.5), 12.5),
        (Properties(revenue="10"), 10.0),
        (Properties(value=7), 7.0),
        (None, 0.0),
    ],
)
def test_revenue_is_a_number_or_a_text_that_holds_one(properties: Properties | None, revenue: float) -> None:
    message = Message("track", event="Order Completed", anonymous_id="a", properties=properties)
    commerce = understood(message).act.commerce
    assert commerce is not None
    assert commerce.amount == revenue


@pytest.mark.parametrize("revenue", [[], {}, "ten", float("inf"), float("nan"), True, 10**400])
def test_revenue_of_another_type_is_refused(revenue: Any) -> None:
    message = Message("track", event="Order Completed", anonymous_id="a", properties=Properties(revenue=revenue))
    with pytest.raises(Rejected, match=r"^properties\.revenue: found .*, expected a finite number$"):
        understood(message)


def test_an_impression_is_the_visitors_by_its_placement() -> None:
    message = Message("track", event="$impression", anonymous_id="a", properties=track("x").properties)
    telling = understood(message)
    assert (telling.visitors, telling.act.seen) == ((anonymous_digest("a"),), ("hero",))


def test_an_impression_may_name_the_action_that_was_seen() -> None:
    properties = msgspec.structs.replace(track("x").properties or Properties(), action="deal")
    message = Message("track", event="$impression", anonymous_id="a", properties=properties)
    assert understood(message).act.seen == ("hero", "hero/deal")
    wrong = msgspec.structs.replace(message, properties=msgspec.structs.replace(properties, action=5))
    with pytest.raises(Rejected, match=r"^properties\.action: found a value of type int, expected the id"):
        understood(wrong)
