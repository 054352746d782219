from __future__ import annotations

import pytest

from edgewise.http.origin_log import INTERVAL, MAX_ORIGINS, OriginLog


def test_number_of_logged_origins_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    log = OriginLog(lambda: now)
    for number in range(3 * MAX_ORIGINS):
        log.log_refused("shop", (), b"https://shop-%d.example" % number)
    assert len(caplog.records) == MAX_ORIGINS + 1
    assert caplog.messages[-1] == "More origins were refused. Edgewise logs no more of them for an hour."
    now += INTERVAL
    log.log_refused("shop", (), b"https://shop-0.example")
    assert len(caplog.records) == MAX_ORIGINS + 2


def test_each_site_has_an_entry_for_an_origin(caplog: pytest.LogCaptureFixture) -> None:
    log = OriginLog()
    for site in ("shop", "books", "shop"):
        log.log_refused(site, ["https://a.example"], b"https://b.example")
    assert [message.split(":")[0] for message in caplog.messages] == ["site 'shop'", "site 'books'"]
    assert caplog.messages[0].endswith('origins = ["https://a.example", "https://b.example"]')


@pytest.mark.parametrize(
    "origin",
    [b"null", b"", b"https://a\nERROR forged", b"https://\x1b[31m.example", b"https://who@shop.example", b"x" * 9999],
)
def test_malformed_origin_is_not_quoted_in_the_log(caplog: pytest.LogCaptureFixture, origin: bytes) -> None:
    log = OriginLog()
    log.log_refused("shop", (), origin)
    log.log_refused("shop", (), b"another:" + origin)
    (message,) = caplog.messages
    assert message.isprintable()
    assert "shop" in message
    assert not origin or origin == b"null" or origin.decode("latin-1") not in message
