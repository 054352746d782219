"""Caches are bounded in bytes, because strangers choose their content."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from edgewise.bandit.features import context_line
from edgewise.http.content import request_format, response_format
from edgewise.http.context import attributes_of
from edgewise.http.cors import allowed_headers
from edgewise.http.requests import ContextBody, PageBody
from edgewise.http.source import SourceReader
from edgewise.settings import Settings
from edgewise.visitors.browser import read_browser
from edgewise.visitors.robots import is_crawler
from edgewise.visitors.sources import find_source
from edgewise.visitors.vocabulary import read_device, read_locale

CALLS = 600
LONG = 8000
"""Bytes or characters. The wide ones take four bytes each."""

BOUND = 8 << 20
"""Bytes that all caches together may keep from one kind of call."""

READER = SourceReader(Settings().trusted_proxies)


def text(number: int) -> str:
    return f"{number}" + "\N{GRINNING FACE}" * LONG


def header(number: int) -> bytes:
    return b"Mozilla/%d" % number + b"x" * LONG


@pytest.mark.parametrize(
    "call",
    [
        lambda n: attributes_of(ContextBody(page=PageBody(url=f"https://a.example/?utm_source={text(n)}"))),
        lambda n: attributes_of(ContextBody(page=PageBody(referrer=f"https://{text(n)}/"))),
        lambda n: attributes_of(ContextBody(timezone=text(n))),
        lambda n: attributes_of(None, country=header(n)),
        lambda n: read_browser(header(n), header(n)),
        lambda n: is_crawler(header(n)),
        lambda n: response_format({b"accept": header(n) * 4, b"content-type": header(-n)}),
        lambda n: allowed_headers(header(n)),
        lambda n: context_line({"data": {f"{kind}{text(n)[:1000]}": kind for kind in (0, 1, 2, "a", "b", "c")}}),
        lambda n: context_line({"data": {"a" * 1000 + str(n): {"b" * 1000: {"c" * 1000: dict.fromkeys("defgh", n)}}}}),
        lambda n: find_source(f"https://a.example/?utm_source={text(n)}", None, text(n), {}, 0),
        lambda n: READER.of(("127.0.0.1", 1), {b"x-forwarded-for": header(n) * 3}),
        lambda n: read_device(text(n)),
        lambda n: read_locale(text(n)),
    ],
    ids=[
        "url",
        "referrer",
        "timezone",
        "country",
        "browser",
        "robot",
        "accept",
        "origin",
        "name",
        "depth",
        "source",
        "forwarded",
        "device",
        "locale",
    ],
)
def test_caches_stay_small_whatever_strangers_send(call: Callable[[int], object]) -> None:
    tracemalloc.start(1)
    try:
        for number in range(CALLS):
            call(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < BOUND


def test_unsupported_media_type_is_not_kept() -> None:
    test_caches_stay_small_whatever_strangers_send(_refused_format)


def _refused_format(number: int) -> None:
    with pytest.raises(Exception, match="Content-Type"):
        request_format({b"content-type": header(number)})
