from __future__ import annotations

import json

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from edgewise.privacy.readable_record import describe_exposure, describe_record, to_plain
from edgewise.store.exposures import bar_field, choice_field, count_field
from edgewise.visitors.activity import Activity
from edgewise.visitors.identity import Redirect
from tests.visitors.activities import activities, make_activity, make_profile

ANN, USER = b"visitor1", b"\x80isitor2"


@given(st.lists(activities, max_size=10))
def test_described_profile_is_json_with_names_in_camel_case(many: list[Activity]) -> None:
    record = describe_record(ANN, make_profile(*many).encode())
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["id"] == ANN.hex()
    assert {"pageViews", "firstSource", "productsViewed"} <= record["profile"].keys()


def test_redirect_is_described_with_the_part_that_did_not_arrive_yet() -> None:
    frozen = make_profile(make_activity("Order Completed", amount=5.0)).encode()
    half_moved = describe_record(ANN, Redirect(USER, frozen).encode())
    assert half_moved["movedTo"] == USER.hex()
    assert half_moved["profile"]["purchases"]["revenue"] == 5.0
    assert describe_record(ANN, Redirect(USER, b"").encode())["profile"] is None


def test_exposure_is_described_field_by_field() -> None:
    choice = msgpack.packb((b"0123456789ab", "policy", "v", 3, (("deal", 0.5),)))
    fields = {
        count_field("hero", "deal"): b"2",
        choice_field("hero"): choice,
        bar_field("hero", "Subscribed"): b"1",
    }
    assert list(describe_exposure("visitor", fields)) == [
        {"placement": "hero", "span": "visitor", "notAgainAfter": "Subscribed", "action": None},
        {"placement": "hero", "span": "visitor", "action": "deal", "shown": 2},
        {
            "placement": "hero",
            "span": "visitor",
            "sticks": {
                "key": b"0123456789ab".hex(),
                "group": "policy",
                "version": "v",
                "modelVersion": 3,
                "slots": [["deal", 0.5]],
            },
        },
    ]


def test_bytes_become_hexadecimal() -> None:
    assert to_plain({"ids": (b"\x01", b"\xff")}) == {"ids": ["01", "ff"]}
