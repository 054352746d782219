from __future__ import annotations

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from edgewise.visitors import robots
from edgewise.visitors.robots import RateLimit, is_crawler


@pytest.mark.parametrize(
    "user_agent",
    [
        b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        b"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        b"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
    ],
)
def test_crawler_is_known_by_its_user_agent(user_agent: bytes) -> None:
    assert is_crawler(user_agent)


@pytest.mark.parametrize(
    "user_agent",
    [
        None,
        b"",
        b"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
        b"Mobile/15E148 Safari/604.1",
        b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
        b"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
        b"Mozilla/5.0 (Linux; Android 10; CUBOT_X19) AppleWebKit/537.36 Chrome/100 Mobile Safari/537.36",
        b"curl/8.5.0",
        b"python-httpx/0.28.1",
        b"analytics-python/2.3.2",
        b"okhttp/4.12.0",
        b"\xff\xfe\x00",
    ],
)
def test_browsers_and_http_libraries_are_no_crawlers(user_agent: bytes | None) -> None:
    assert not is_crawler(user_agent)


def test_every_crawler_of_the_list_is_known() -> None:
    """A newer release of the list may have a pattern that RE2 does not support."""
    known = [entry for entry in CRAWLER_USER_AGENTS_DATA if "http-library" not in entry["tags"] and entry["instances"]]
    missed = [
        example for entry in known if not is_crawler(example := entry["instances"][0].encode("latin-1", "replace"))
    ]
    assert len(known) > 1000
    assert missed == []


def test_engine_has_enough_memory_for_the_whole_list(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """RE2 reports missing memory on standard error, not to the log."""
    for entry in CRAWLER_USER_AGENTS_DATA:
        for example in entry["instances"]:
            is_crawler(f"{example} seen nowhere else".encode("latin-1", "replace"))
    assert capfd.readouterr().err == ""


def test_only_the_beginning_of_a_long_user_agent_is_read() -> None:
    assert is_crawler(b"x" * 100 + b"Googlebot/2.1")
    assert not is_crawler(b"x" * 1_000_000 + b"Googlebot/2.1")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_visitor_within_the_rate_is_no_robot(clock: Clock) -> None:
    rate = RateLimit(10, 60, clock)
    for _ in range(1000):
        assert not rate.exceeded("shop", "v")
        clock.now += 0.1
    assert not any(rate.exceeded("shop", "v") for _ in range(59)), "A burst is allowed."


def test_visitor_over_the_rate_is_a_robot_until_a_pause(clock: Clock) -> None:
    rate = RateLimit(10, 60, clock)
    seen = [rate.exceeded("shop", "v") for _ in range(300)]
    assert seen == [False] * 60 + [True] * 240
    assert not rate.exceeded("shop", "w")
    assert not rate.exceeded("books", "v")
    for _ in range(100):
        clock.now += 0.05
        assert rate.exceeded("shop", "v"), "The rate is still twice the limit."
    clock.now += 12
    assert not rate.exceeded("shop", "v")


def test_number_of_watched_visitors_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robots, "VISITORS_WATCHED", 100)
    rate = RateLimit(10, 2, clock)
    for number in range(1000):
        rate.exceeded("shop", f"visitor {number}")
        robot = rate.exceeded("shop", "robot")
    assert robot, "The busiest visitor stays."
    assert len(rate._buckets) == 100
