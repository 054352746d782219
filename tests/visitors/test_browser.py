from __future__ import annotations

import pytest

from edgewise.visitors.browser import UNKNOWN, Browser, device_type, read_browser

CHROME = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (b"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)", "mobile"),
        (b"Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/131.0 Mobile Safari/537.36", "mobile"),
        (b"Mozilla/5.0 (Linux; Android 14; SM-X710) Chrome/131.0 Safari/537.36", "tablet"),
        (b"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X)", "tablet"),
        (CHROME, "desktop"),
        (b"Mozilla/5.0 (compatible; Googlebot/2.1)", "bot"),
    ],
)
def test_device_type_of_a_user_agent(user_agent: bytes, device: str) -> None:
    assert device_type(user_agent) == device


@pytest.mark.parametrize(
    ("header", "locale"),
    [(b"de-AT,de;q=0.9", "de-AT"), (b" en", "en"), (b"zh-Hant-TW", "zh-Hant-TW"), (b"*", None), (None, None)],
)
def test_locale_is_the_first_language(header: bytes | None, locale: str | None) -> None:
    assert read_browser(CHROME, header) == Browser("desktop", locale)


@pytest.mark.parametrize("user_agent", [None, b"", b"curl/8.5.0", b"python-httpx/0.28.1"])
def test_server_is_no_browser(user_agent: bytes | None) -> None:
    assert read_browser(user_agent, b"de") == UNKNOWN
