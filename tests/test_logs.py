"""The log of repeated errors."""

from __future__ import annotations

import logging

import pytest

from edgewise.logs import RepeatedErrorLog, ThrottledLog

log = logging.getLogger(__name__)


@pytest.fixture
def errors() -> RepeatedErrorLog:
    return RepeatedErrorLog(log, "Cannot poll: %s")


def test_an_error_is_logged_once_until_it_changes(errors: RepeatedErrorLog, caplog: pytest.LogCaptureFixture) -> None:
    for message in ("no answer", "no answer", "refused", "no answer"):
        errors.report(OSError(message))
    assert caplog.messages == ["Cannot poll: no answer", "Cannot poll: refused", "Cannot poll: no answer"]


def test_an_error_is_logged_again_after_a_success(errors: RepeatedErrorLog, caplog: pytest.LogCaptureFixture) -> None:
    assert not errors.clear()
    errors.report(OSError("no answer"))
    assert errors.clear()
    assert not errors.clear()
    errors.report(OSError("no answer"))
    assert len(caplog.messages) == 2


def test_each_key_has_its_own_errors(errors: RepeatedErrorLog, caplog: pytest.LogCaptureFixture) -> None:
    for key in ("one", "other"):
        errors.report(OSError("no answer"), key)
    assert errors.clear("one")
    errors.report(OSError("no answer"), "other")
    assert len(caplog.messages) == 2


def test_a_throttled_warning_counts_those_that_were_left_out(caplog: pytest.LogCaptureFixture) -> None:
    often = ThrottledLog(log, "Refused %d calls: %s", interval=0.0)
    seldom = ThrottledLog(log, "Refused %d calls: %s", interval=3600.0)
    for reason in ("busy", "full"):
        often.report(reason, 2)
        seldom.report(reason)
    assert caplog.messages == ["Refused 2 calls: busy", "Refused 1 calls: busy", "Refused 2 calls: full"]
