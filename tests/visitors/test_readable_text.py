from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.readable_text import decode_host, decode_path, decode_text, decode_url, read_path


@pytest.mark.parametrize(
    ("path", "readable"),
    [
        ("/gr%C3%B6%C3%9Fen", "/größen"),
        ("/gr%c3%b6%c3%9fen", "/größen"),
        ("/größen", "/größen"),
        ("/%D0%BA%D0%BE%D1%82", "/кот"),
        ("/%F0%9F%8E%81", "/🎁"),
        ("/a%20b", "/a b"),
        ("/a+b", "/a+b"),
        ("/50%25", "/50%"),
    ],
)
def test_a_path_is_decoded(path: str, readable: str) -> None:
    assert decode_path(path) == readable


@pytest.mark.parametrize(
    "path", ["/a%2Fb", "/a%3Fb%23", "/a%00b", "/a%0Ab", "/a%7Fb", "/%E2%80%AEb", "/100%", "/%zz", "/%u00F6"]
)
def test_what_is_no_text_stays_encoded(path: str) -> None:
    assert decode_path(path) == path


@pytest.mark.parametrize(
    ("path", "readable"), [("/gr%F6%DFen", "/gr%F6%DFen"), ("/%C3%B6%FF%C3", "/ö%FF%C3"), ("/%ED%A0%80", "/%ED%A0%80")]
)
def test_bytes_that_are_no_utf8_stay_encoded(path: str, readable: str) -> None:
    assert decode_path(path) == readable


def test_text_is_decoded_once() -> None:
    assert decode_path("/gr%25C3%25B6") == "/gr%C3%B6"
    assert decode_path("/%252F") == "/%2F"


def test_a_letter_and_its_accent_become_one_character() -> None:
    assert decode_path("/gro%CC%88%C3%9Fen") == decode_path("/gr%C3%B6%C3%9Fen")
    assert decode_path("/gro\u0308ßen") == read_path("/gro\u0308ßen?a") == "/größen"
    assert decode_url("https://shop.example/gro\u0308ßen") == "https://shop.example/größen"


def test_a_url_keeps_its_delimiters_encoded() -> None:
    url = "https://shop.example/gr%C3%B6%C3%9Fen%2Fneu?q=%C3%B6%26%3D%20&a=1#%C3%A4"
    assert decode_url(url) == "https://shop.example/größen%2Fneu?q=ö%26%3D%20&a=1#ä"


@pytest.mark.parametrize(
    ("url", "readable"),
    [
        ("https://xn--mnchen-3ya.example/a?b=xn--mnchen-3ya", "https://münchen.example/a?b=xn--mnchen-3ya"),
        ("https://xn--mnchen-3ya.example:8080", "https://münchen.example:8080"),
        ("https://shop.example/xn--mnchen-3ya", "https://shop.example/xn--mnchen-3ya"),
        ("/xn--mnchen-3ya", "/xn--mnchen-3ya"),
    ],
)
def test_the_host_of_a_url_is_decoded(url: str, readable: str) -> None:
    assert decode_url(url) == readable


@pytest.mark.parametrize(
    ("host", "readable"),
    [
        ("shop.example", "shop.example"),
        ("xn--mnchen-3ya.example", "münchen.example"),
        ("www.xn--strae-oqa.example", "www.straße.example"),
        ("xn--.example", "xn--.example"),
        ("xn--abc", "xn--abc"),
        ("xn--" + "z" * 60, "xn--" + "z" * 60),
    ],
)
def test_a_host_in_punycode_is_decoded(host: str, readable: str) -> None:
    assert decode_host(host) == readable


@given(st.text(st.characters(exclude_categories=())), st.binary(max_size=30))
def test_any_text_is_accepted_and_no_control_character_appears(text: str, more: bytes) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in more)
    decode_host(f"xn--{text}.{text}")
    decode_url(text + encoded)
    assert decode_text(encoded).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "xn--" + "b" * 30_000,
        ".".join(["xn--mnchen-3ya"] * 2000),
        "%20a" + "\u0315\u0300" * 15_000,
        "%C3%B6a" * 4000,
        "%FF" * 10_000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_text_is_decoded_in_bounded_time(text: str) -> None:
    began = time.process_time()
    for decode in (decode_text, decode_path, decode_url, decode_host):
        decode(text)
    assert time.process_time() - began < 0.2
