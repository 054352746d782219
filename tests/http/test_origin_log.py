from __future__ import annotations

import pytest

from edgewise.http.origin_log import INTERVAL, MAX_ORIGINS, OriginLog


def test_number_of_logged_origins_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    refusals = OriginLog(lambda: now)
    for number in range(3 * MAX_ORIGINS):
        refusals.log_refused("shop", (), b"https://shop-%d.example" % number)
    assert len(caplog.records) == MAX_ORIGINS + 1
    assert "no more of them" in caplog.records[-1].getMessage()
    now += INTERVAL
    refusals.log_refused("shop", (), b"https://shop-0.example")
    assert len(caplog.records) == MAX_ORIGINS + 2


@pytest.mark.parametrize(
    "origin",
    [b"null", b"", b"https://a\nERROR forged", b"https://\x1b[31m.example", b"https://who@shop.example", b"x" * 9999],
)
def test_malformed_origin_is_not_quoted_in_the_log(caplog: pytest.LogCaptureFixture, origin: bytes) -> None:
    refusals = OriginLog()
    refusals.log_refused("shop", (), origin)
    refusals.log_refused("shop", (), b"another:" + origin)
    (said,) = caplog.messages
    assert said.isprintable()
    assert "shop" in said
    assert not origin or origin == b"null" or origin.decode("latin-1") not in said
