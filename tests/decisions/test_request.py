"""Decide calls: their log mode and the number of slots."""

from __future__ import annotations

import pytest

from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import DecideCall, LogMode, PlacementRequest, Visitor
from edgewise.serving.served_site import ServedSite
from edgewise.sites import Site
from edgewise.types import Consent


@pytest.mark.parametrize(("requested", "filled"), [(None, 3), (1, 1), (3, 3), (9, 3)])
def test_a_request_fills_at_most_the_slots_of_the_policy(requested: int | None, filled: int) -> None:
    assert PlacementRequest("hero", slots=requested).slot_count(3) == filled


@pytest.mark.parametrize(
    ("consent", "learn_without_consent", "robot", "log_mode"),
    [
        ("granted", False, False, "decision"),
        ("granted", False, True, "robot"),
        ("denied", True, False, "decision"),
        ("denied", False, False, "none"),
        ("pending", False, True, "none"),
    ],
)
def test_consent_and_robots_determine_the_log_mode(
    consent: Consent, learn_without_consent: bool, robot: bool, log_mode: LogMode
) -> None:
    site = ServedSite(Site("shop", "key", (), (), learn_without_consent=learn_without_consent), {})
    call = DecideCall(site, Visitor("a1", None, consent, robot), (), {}, started=0.0, deadline=1.0)
    assert call.log_mode == log_mode
    assert call._replace(preview=Preview(None, None)).log_mode == "none"
