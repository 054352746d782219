"""The words for devices, countries and languages. Clients write them in many ways, and Edgewise in one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

DEVICES: Mapping[str, str] = {
    "mobile": "phone, mobile phone, cell phone, smartphone, feature phone, phablet, handset, mobile web, "
    "ios, iphone, ipod, android",
    "tablet": "ipad, ipados, android tablet, e-reader, kindle",
    "desktop": "pc, computer, desktop computer, laptop, notebook, mac, macos, windows, linux, chromeos, chromebook",
    "tv": "television, smart tv, connected tv, ctv, tvos, apple tv, android tv, google tv, fire tv, set-top box",
    "console": "game console, games console, gaming console, xbox, playstation, nintendo switch",
    "wearable": "watch, smartwatch, apple watch, watchos, wearos",
    "bot": "robot, crawler, spider",
    "other": "car, car browser, smart display, smart speaker, camera, portable media player, peripheral, xr, embedded",
}
"""The types of a device, and other words for each. Case, spaces, hyphens and underscores do not matter."""

UNKNOWN_DEVICES = "unknown, unspecified, undefined, null, none, not set, (not set), web, browser"
"""Words that leave the type of the device open."""

COUNTRIES: Mapping[str, str] = {"UK": "GB", "EL": "GR"}
"""Codes in use beside those of ISO 3166."""

LANGUAGES: Mapping[str, str] = {"iw": "he", "in": "id", "ji": "yi"}
"""Codes that ISO 639 replaced."""

_LONGEST_WORD = 64
_LONGEST_TAG = 256
_SEPARATORS = re.compile(r"[\s_-]+")


class Locale(NamedTuple):
    """A language such as `de`, and, if the tag has them, a script such as `Hant` and a region such as `AT`."""

    language: str
    script: str | None = None
    region: str | None = None

    @property
    def tag(self) -> str:
        return "-".join(filter(None, self))


def read_device(word: str | None) -> str | None:
    """The type of a device. None if the word leaves it open. `other` if the word is unknown."""
    if not word:
        return None
    return _read_device(word) if len(word) <= _LONGEST_WORD else "other"


def read_country(code: str) -> str | None:
    """The two letters of a country. None for another text, and for XX, by which CDNs mean an unknown country."""
    code = code.strip().upper()
    return COUNTRIES.get(code, code) if re.fullmatch(r"[A-Z]{2}", code) and code != "XX" else None


def read_locale(tag: str | None) -> Locale | None:
    """Read a tag such as `de-DE`, `zh-Hant-TW`, `en_us` or `de_DE.UTF-8`. None if it has no language.

    Of a list, such as the header Accept-Language, the first tag counts.
    """
    return _read_locale(tag) if tag and len(tag) <= _LONGEST_TAG else None


def _simplified(word: str) -> str:
    return _SEPARATORS.sub("", word).lower()


_TYPES = {_simplified(word): type for type, words in DEVICES.items() for word in (type, *words.split(","))}
_UNKNOWN = frozenset(map(_simplified, UNKNOWN_DEVICES.split(",")))


@lru_cache(maxsize=1024)
def _read_device(word: str) -> str | None:
    word = _simplified(word)
    return None if not word or word in _UNKNOWN else _TYPES.get(word, "other")


@lru_cache(maxsize=1024)
def _read_locale(tag: str) -> Locale | None:
    language, *others = re.split(r"[_-]", re.split(r"[.@,;]", tag.strip())[0])
    if not re.fullmatch(r"[A-Za-z]{2,3}", language):
        return None
    language = language.lower()
    script = region = None
    for part in others:
        if len(part) == 1:  # An extension, such as the calendar in de-DE-u-ca-gregory.
            break
        if script is None and region is None and re.fullmatch(r"[A-Za-z]{4}", part):
            script = part.capitalize()
        elif region is None and re.fullmatch(r"[A-Za-z]{2}|[0-9]{3}", part):
            region = COUNTRIES.get(part.upper(), part.upper())
    return Locale(LANGUAGES.get(language, language), script, region)
