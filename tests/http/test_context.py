from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.bandit.features import context_line
from edgewise.errors import RequestError
from edgewise.http.context import attributes_of
from edgewise.http.requests import ContextBody
from edgewise.visitors.browser import read_browser

FRIDAY_NOON = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=30,
)


def attributes(user_agent: bytes | None = None, languages: bytes | None = None, **context: Any) -> dict[str, Any]:
    browser = read_browser(user_agent, languages)
    return attributes_of(msgspec.convert(context, ContextBody), browser, FRIDAY_NOON)


def test_empty_context_has_no_attributes() -> None:
    assert attributes_of(None) == {}
    assert attributes() == {}


def test_page_has_path_campaign_and_referrer() -> None:
    url = "https://shop.example/sale?utm_source=news&utm_medium=e%20mail&utm_campaign=spring&utm_term=x&q=1"
    page = {"url": url, "type": "category", "referrer": "https://www.google.com/search?q=secret"}
    assert attributes(page=page)["page"] == {
        "url": url,
        "path": "/sale",
        "source": "news",
        "medium": "e mail",
        "campaign": "spring",
        "type": "category",
        "referrer": "www.google.com",
    }


def test_addresses_are_readable() -> None:
    url = "https://xn--mnchen-3ya.example/gr%C3%B6%C3%9Fen?utm_campaign=fr%C3%BChling+%26+mehr&utm_source=a%2Fb"
    assert attributes(page={"url": url, "referrer": "https://xn--mnchen-3ya.example/k%C3%BCche"})["page"] == {
        "url": "https://münchen.example/größen?utm_campaign=frühling+%26+mehr&utm_source=a%2Fb",
        "path": "/größen",
        "campaign": "frühling & mehr",
        "source": "a/b",
        "referrer": "münchen.example",
    }
    assert attributes(page={"path": "/gr%C3%B6%C3%9Fen?size=%C3%B6"})["page"]["path"] == "/größen"


def test_explicit_path_overrides_the_url() -> None:
    assert attributes(page={"url": "https://shop.example/a", "path": "/b"})["page"]["path"] == "/b"
    assert attributes(page={"url": "https://shop.example"})["page"]["path"] == "/"


@pytest.mark.parametrize("url", ["https://[", "https://[::1", "https://a/?utm_source=b" + "&a=1" * 200])
def test_malformed_url_has_no_other_attributes(url: str) -> None:
    assert attributes(page={"url": url, "referrer": "https://["})["page"] == {"url": url}


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "mobile"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/124.0.0.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36", "desktop"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15",
            "desktop",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; bingbot/2.0) Chrome/116 Safari/537.36", "bot"),
        ("Mozilla/5.0 \xff\xfe", "desktop"),
    ],
)
def test_device_defaults_to_the_user_agents(user_agent: str, device: str) -> None:
    assert attributes(user_agent.encode("latin-1"))["device"] == {"type": device}


def test_explicit_device_overrides_the_user_agent() -> None:
    assert attributes(b"Mozilla/5.0 (iPhone)", device={"type": "tv"})["device"] == {"type": "tv"}


@pytest.mark.parametrize(("word", "device"), [("Smartphone", "mobile"), ("Smart TV", "tv"), ("unknown", "desktop")])
def test_device_has_one_word_for_each_type(word: str, device: str) -> None:
    assert attributes(b"Mozilla/5.0 (X11)", device={"type": word})["device"] == {"type": device}


@pytest.mark.parametrize("user_agent", [None, b"", b"analytics-python/2.3.2", b"node", b"curl/8.5.0"])
def test_headers_of_other_programs_are_ignored(user_agent: bytes | None) -> None:
    assert attributes(user_agent, b"de-DE") == {}


@pytest.mark.parametrize(
    ("languages", "locale"),
    [
        (b"de-DE,de;q=0.9,en;q=0.8", {"language": "de", "region": "DE"}),
        (b"fr", {"language": "fr"}),
        (b" zh-Hant-TW ;q=1", {"language": "zh", "region": "TW"}),
        (b"*", None),
        (b"", None),
        (b"x" * 5000, None),
        (b"\xff,de", None),
    ],
)
def test_language_defaults_to_the_browsers_first(languages: bytes, locale: dict[str, str] | None) -> None:
    assert attributes(b"Mozilla/5.0", languages).get("locale") == locale
    assert attributes(b"Mozilla/5.0", languages, locale="it-CH")["locale"] == {"language": "it", "region": "CH"}


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("de-DE", {"language": "de", "region": "DE"}),
        ("en_us", {"language": "en", "region": "US"}),
        ("zh-Hant-TW", {"language": "zh", "region": "TW"}),
        ("es-419", {"language": "es", "region": "419"}),
        ("FR", {"language": "fr"}),
        ("DE-de", {"language": "de", "region": "DE"}),
        ("en-UK", {"language": "en", "region": "GB"}),
    ],
)
def test_locale_has_language_and_region(tag: str, locale: dict[str, str]) -> None:
    assert attributes(locale=tag)["locale"] == locale


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("UTC", {"hour": 12, "weekday": 5, "part": "afternoon"}),
        ("America/Los_Angeles", {"hour": 4, "weekday": 5, "part": "night"}),
        ("Pacific/Auckland", {"hour": 1, "weekday": 6, "part": "night"}),
        ("Asia/Kolkata", {"hour": 18, "weekday": 5, "part": "evening"}),
        ("America/New_York", {"hour": 7, "weekday": 5, "part": "morning"}),
    ],
)
def test_time_is_in_the_visitors_timezone(zone: str, time: dict[str, Any]) -> None:
    assert attributes(timezone=zone)["time"] == time


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "Europe/", "é", "."]
)
def test_unknown_timezone_is_ignored(zone: str) -> None:
    assert "time" not in attributes(timezone=zone)


def test_data_is_passed_on_unchanged() -> None:
    own = {"basketValue": 30, "tags": ["a", "b"], "nested": {"deep": {"deeper": None}}, "big": 2**64 - 1, "x": -(2**63)}
    assert attributes(data=own)["data"] == own


@pytest.mark.parametrize(
    ("own", "path"),
    [
        ({"a": 2**64}, "context.data.a"),
        ({"a": -(2**63) - 1}, "context.data.a"),
        ({"a": [float("nan")]}, "context.data.a.0"),
        ({"a": {"b": float("-inf")}}, "context.data.a.b"),
        ({"a": "x" * 1025}, "context.data.a"),
        ({"a\0": 1}, "context.data"),
        ({"x" * 1025: 1}, "context.data"),
        ({"a": list(range(256))}, "context.data"),
        ({"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": []}}}}}}}}, "context.data.a.a.a.a.a.a.a.a"),
    ],
)
def test_data_beyond_a_limit_is_refused_with_its_path(own: dict[str, Any], path: str) -> None:
    with pytest.raises(RequestError) as refused:
        attributes(data=own)
    assert (refused.value.status, refused.value.details[0].path) == (400, path)


@given(
    st.dictionaries(st.text(max_size=10), json_values, max_size=5),
    st.text(max_size=50),
    st.binary(max_size=50),
    st.binary(max_size=50),
)
def test_any_context_is_refused_or_can_be_scored(
    own: dict[str, Any], text: str, user_agent: bytes, languages: bytes
) -> None:
    page = {"url": text, "path": text, "type": text, "referrer": text}
    with suppress(RequestError):
        assert context_line(
            attributes(b"Mozilla/" + user_agent, languages, page=page, locale=text, timezone=text, data=own)
        ).encode()


@pytest.mark.parametrize(
    ("header", "place"),
    [
        (b"DE", {"country": "DE"}),
        (b" fr ", {"country": "FR"}),
        (b"uk", {"country": "GB"}),
        (b"XX", None),
        (b"T1", None),
        (b"DEU", None),
        (b"", None),
        (b"\xff\xe4", None),
        (None, None),
    ],
)
def test_country_is_two_letters_or_unknown(header: bytes | None, place: object) -> None:
    assert attributes_of(None, country=header).get("place") == place
