from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.visitors.vocabulary import DEVICES, Locale, read_country, read_device, read_locale

SEGMENT = {"ios": "mobile", "android": "mobile", "tvos": "tv", "watchos": "wearable", "Web": None}
RUDDERSTACK = {"iOS": "mobile", "Android": "mobile", "iPadOS": "tablet"}
ANALYTICS_4 = {"mobile": "mobile", "tablet": "tablet", "desktop": "desktop", "smart tv": "tv", "(not set)": None}
WOOCOMMERCE = {"Desktop": "desktop", "Mobile": "mobile", "Tablet": "tablet", "Unknown": None}
MATOMO = {
    "Smartphone": "mobile",
    "Feature phone": "mobile",
    "Phablet": "mobile",
    "Tablet": "tablet",
    "Desktop": "desktop",
    "TV": "tv",
    "Console": "console",
    "Wearable": "wearable",
    "Car browser": "other",
    "Smart display": "other",
    "Smart speaker": "other",
    "Camera": "other",
    "Portable media player": "other",
    "Peripheral": "other",
    "unknown": None,
}
ADOBE = {
    "Mobile Phone": "mobile",
    "Tablet": "tablet",
    "Television": "tv",
    "Set-top Box": "tv",
    "Gaming Console": "console",
    "eReader": "tablet",
    "Other": "other",
}
CLIENTS = {**SEGMENT, **ADOBE, **RUDDERSTACK, **ANALYTICS_4, **WOOCOMMERCE, **MATOMO}


@pytest.mark.parametrize(("word", "device"), CLIENTS.items())
def test_the_words_of_other_clients_name_a_type_of_device(word: str, device: str | None) -> None:
    assert read_device(word) == device


@pytest.mark.parametrize("word", ["SMART_TV", "smart-tv", " Smart  TV ", "SmartTV"])
def test_case_spaces_and_hyphens_of_a_device_do_not_matter(word: str) -> None:
    assert read_device(word) == "tv"


def test_an_unknown_device_is_other() -> None:
    assert read_device("toaster") == read_device("x" * 5000) == "other"
    assert read_device("") is read_device(None) is read_device(" - ") is None


def test_each_word_for_a_device_has_one_meaning() -> None:
    words = [word.strip() for words in DEVICES.values() for word in words.split(",")]
    assert len({*words, *DEVICES}) == len(words) + len(DEVICES)
    assert {read_device(type) for type in DEVICES} == set(DEVICES)


def test_the_reference_lists_every_word_for_a_device() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/attributes.md").read_text()
    table = page.partition("| `device.type` | also |")[2].partition("\n\n")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)) == DEVICES


@pytest.mark.parametrize(
    ("code", "country"),
    [("DE", "DE"), ("de", "DE"), (" At ", "AT"), ("UK", "GB"), ("el", "GR"), ("XX", None), ("DEU", None), ("", None)],
)
def test_a_country_has_two_capital_letters(code: str, country: str | None) -> None:
    assert read_country(code) == country


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("de", "de"),
        ("de-DE", "de-DE"),
        ("de_DE", "de-DE"),
        ("DE-de", "de-DE"),
        ("de-de", "de-DE"),
        ("de_DE_formal", "de-DE"),
        ("de_DE.UTF-8", "de-DE"),
        ("de_DE@euro", "de-DE"),
        ("en-UK", "en-GB"),
        ("en_US_POSIX", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("zh-cmn-Hans-CN", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("de-DE-u-ca-gregory", "de-DE"),
        ("de-u-rg-at", "de"),
        ("iw-IL", "he-IL"),
        ("fil", "fil"),
        (" fr ", "fr"),
        ("en-US,en;q=0.9,de;q=0.8", "en-US"),
        ("de;q=0.9", "de"),
        ("de_AT, fr", "de-AT"),
    ],
)
def test_a_language_has_one_spelling(tag: str, expected: str) -> None:
    locale = read_locale(tag)
    assert locale is not None
    assert locale.tag == expected
    assert read_locale(locale.tag) == locale


@pytest.mark.parametrize("tag", ["", "C", "POSIX", "German", "*", "12", "-", "d", "x" * 5000, None])
def test_a_text_that_names_no_language_has_none(tag: str | None) -> None:
    assert read_locale(tag) is None


def test_a_locale_has_its_parts() -> None:
    assert read_locale("sr_latn_rs") == Locale("sr", "Latn", "RS")


@given(st.text(max_size=30))
def test_reading_twice_changes_nothing(text: str) -> None:
    device, country, locale = read_device(text), read_country(text), read_locale(text)
    assert read_device(device) == device
    assert country is None or read_country(country) == country
    assert locale is None or read_locale(locale.tag) == locale
