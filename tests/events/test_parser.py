from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.entries import Outcome
from edgewise.events.parser import FAR_AHEAD, FAR_BACK, MAX_AGE, EventParser, MessageRejected, ParsedEvent, milliseconds
from edgewise.ids.decision import DecisionIds, policy_id
from edgewise.ids.user_proof import UserProof, hash_user_id
from edgewise.ids.visitor import VisitorIds, anonymous_digest, user_digest
from edgewise.policies.compiled_policy import encode_policy
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.sites import Site
from edgewise.types import IdentityMode, PolicyRef
from edgewise.visitors.message import Message, Properties
from tests.events.recording import FROM_SERVER
from tests.learner.published_policy import POLICY

NOW = 1_760_000_000_000
REF = PolicyRef("shop", "hero")
IDS = DecisionIds((b"a key" * 5,))
KEY = b"0123456789ab"
PLACEMENT = ServedPlacement(REF, encode_policy(POLICY))
SITE = ServedSite(Site("shop", "key", (), ("hero",)), {"hero": PLACEMENT})

times = st.datetimes(
    timezones=st.none() | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)


def parse(
    message: Message, sent_at: int | None = None, site: ServedSite = SITE, proof: UserProof = FROM_SERVER
) -> ParsedEvent:
    found = {PLACEMENT.policy_id: PLACEMENT}
    event = EventParser(site, IDS, found.get, NOW, sent_at, proof).parse(message)
    assert isinstance(event, ParsedEvent)
    return event


def track(event: str, slots: int = 1, **properties: Any) -> Message:
    id = IDS.issue(PLACEMENT.policy_id, slots, KEY)
    return Message("track", event=event, message_id="m", properties=Properties(decision_id=id, **properties))


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def outcome(event: ParsedEvent) -> Outcome:
    assert event.outcome is not None
    ref, found = event.outcome
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
def test_age_is_measured_on_the_senders_clock(happened: datetime | None, sent_at: int | None, age: int) -> None:
    event = parse(Message("page", anonymous_id="a", timestamp=happened), sent_at)
    assert (event.age, event.activity.at) == (age, NOW - age)


@given(times, st.none() | times)
def test_age_is_at_most_seven_days_for_any_clocks(happened: datetime, sent: datetime | None) -> None:
    sent_at = None if sent is None else milliseconds(sent)
    try:
        event = parse(Message("page", anonymous_id="a", timestamp=happened), sent_at)
    except MessageRejected:
        far = (NOW if sent_at is None else sent_at) - milliseconds(happened)
        assert not -FAR_AHEAD <= far <= FAR_BACK
    else:
        assert 0 <= event.age <= MAX_AGE


def test_profile_keeps_the_true_time_when_the_age_is_capped() -> None:
    event = parse(Message("page", anonymous_id="a", timestamp=at(NOW - 5 * MAX_AGE)))
    assert (event.age, event.activity.at) == (MAX_AGE, NOW - 5 * MAX_AGE)


@pytest.mark.parametrize("off", [FAR_AHEAD + 1000, -FAR_BACK - 1000, 20 * FAR_BACK, -40 * FAR_BACK])
def test_timestamp_far_off_is_rejected(off: int) -> None:
    with pytest.raises(
        MessageRejected,
        match=r"^timestamp: Expected a time at most 366 days before and 1 day after .* found \d{4}-.*\.$",
    ):
        parse(Message("page", anonymous_id="a", timestamp=at(NOW + off)))
    parse(Message("page", anonymous_id="a", timestamp=at(NOW + off)), sent_at=NOW + off)


def test_time_without_a_zone_is_utc() -> None:
    assert milliseconds(datetime(2026, 1, 1)) == milliseconds(datetime(2026, 1, 1, tzinfo=UTC))
    assert milliseconds(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 1_767_225_600_000


def test_only_a_reward_has_a_value() -> None:
    reward, click = outcome(parse(track("$reward", value=3))), outcome(parse(track("$click", value=3)))
    assert (reward.key, reward.name, reward.value) == (KEY, "$reward", 3.0)
    assert (click.name, click.value) == ("$click", None)


@given(st.integers(1, 127), st.integers())
def test_slot_must_be_one_of_the_decision(slots: int, slot: int) -> None:
    message = track("$click", slots, slot=slot)
    if 0 <= slot < slots:
        assert outcome(parse(message)).slot == slot
    else:
        with pytest.raises(MessageRejected, match=f"Expected a whole number from 0 to {slots - 1}, found "):
            parse(message)


@pytest.mark.parametrize("value", [None, "3", True, [], float("nan"), float("inf"), 10**400, b"3"])
def test_reward_without_a_finite_number_is_rejected(value: Any) -> None:
    with pytest.raises(MessageRejected, match=r"^properties\.value: Expected a finite number, found .*\.$"):
        parse(track("$reward", value=value))


def test_event_with_a_decision_id_also_belongs_to_the_visitor() -> None:
    event = parse(Message("track", event="Order Completed", user_id="u", properties=track("x", revenue=5).properties))
    assert outcome(event).name == "Order Completed"
    assert event.visitors == (user_digest("u"),)
    assert event.activity.commerce is not None
    assert event.activity.commerce.amount == 5.0


def test_click_does_not_belong_to_a_profile() -> None:
    message = Message("track", event="$click", anonymous_id="a", properties=track("x").properties)
    assert parse(message).visitors == ()


@pytest.mark.parametrize("event", ["$impression", "$click", "$reward"])
def test_reserved_event_without_a_decision_is_rejected(event: str) -> None:
    for properties in (None, Properties(), Properties(decision_id="nonsense"), Properties(decision_id=1)):
        with pytest.raises(MessageRejected, match=r"^properties\.decisionId: ") as rejected:
            parse(Message("track", event=event, anonymous_id="a", properties=properties))
        assert rejected.value.code == "unknown_decision"


def test_decision_of_another_site_or_a_removed_placement_is_unknown() -> None:
    other = ServedSite(Site("other", "key", (), ()), {})
    gone = IDS.issue(policy_id(PolicyRef("shop", "gone")), 1, KEY)
    for message, site in (
        (track("$click"), other),
        (Message("track", event="$click", properties=Properties(decision_id=gone)), SITE),
    ):
        with pytest.raises(MessageRejected, match="placement is not in this site"):
            parse(message, site=site)


def test_only_track_messages_have_outcomes() -> None:
    message = Message("page", event="$click", anonymous_id="a", properties=track("x").properties)
    assert parse(message).outcome is None


def test_all_ids_of_a_message_belong_to_the_visitor() -> None:
    event = parse(Message("alias", anonymous_id="a", user_id="u", previous_id="p"))
    assert event.visitors == (anonymous_digest("a"), user_digest("u"))
    assert set(event.activity.ids) == {*event.visitors, anonymous_digest("p"), user_digest("p")}


@pytest.mark.parametrize("hash", [None, "0" * 64])
def test_unproven_user_id_leaves_no_trace_in_an_event(hash: str | None) -> None:
    """Else a webhook would name the victim for what a stranger does."""
    proof = UserProof("verified", ("an-identity-secret",), is_server=False)
    message = Message("alias", anonymous_id="a", user_id="victim", previous_id="p", user_hash=hash)
    event = parse(message, proof=proof)
    mine = (anonymous_digest("a"),)
    assert (event.visitors, event.activity.ids, event.links, event.ids) == (mine, mine, (), VisitorIds("a"))
    assert (proof.refused, event.activity.by_server) == (1, False)


def test_browser_names_no_previous_id() -> None:
    for mode, previous in (("verified", ()), ("trusted", (anonymous_digest("p"),))):
        proof = UserProof(cast("IdentityMode", mode), ("an-identity-secret",), is_server=False)
        hash = hash_user_id("u", "an-identity-secret")
        event = parse(Message("alias", user_id="u", previous_id="p", user_hash=hash), proof=proof)
        assert event.activity.ids == (user_digest("u"), *previous)


def test_messages_without_a_message_id_have_different_digests() -> None:
    message = Message("page", anonymous_id="a")
    assert parse(message).activity.message != parse(message).activity.message
    named = Message("page", anonymous_id="a", message_id="m")
    assert parse(named).activity.message == parse(named).activity.message


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
    commerce = parse(message).activity.commerce
    assert commerce is not None
    assert commerce.amount == revenue


@pytest.mark.parametrize("revenue", [[], {}, "ten", float("inf"), float("nan"), True, 10**400])
def test_revenue_of_another_type_is_rejected(revenue: Any) -> None:
    message = Message("track", event="Order Completed", anonymous_id="a", properties=Properties(revenue=revenue))
    with pytest.raises(MessageRejected, match=r"^properties\.revenue: Expected a finite number, found .*\.$"):
        parse(message)


def test_impression_belongs_to_the_profile_with_its_placement() -> None:
    message = Message("track", event="$impression", anonymous_id="a", properties=track("x").properties)
    event = parse(message)
    assert (event.visitors, event.activity.seen) == ((anonymous_digest("a"),), ("hero",))


def test_impression_may_name_the_action() -> None:
    properties = msgspec.structs.replace(track("x").properties or Properties(), action="deal")
    message = Message("track", event="$impression", anonymous_id="a", properties=properties)
    assert parse(message).activity.seen == ("hero", "hero/deal")
    wrong = msgspec.structs.replace(message, properties=msgspec.structs.replace(properties, action=5))
    with pytest.raises(
        MessageRejected, match=r"^properties\.action: Expected the id of an action, found a whole number\.$"
    ):
        parse(wrong)
