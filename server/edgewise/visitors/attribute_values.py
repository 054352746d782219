"""The values that an attribute can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, product
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from edgewise.visitors.clock import PARTS, find_zone, zone_names
from edgewise.visitors.names import bounded
from edgewise.visitors.readable_text import decode_host, decode_text, decode_url, read_path
from edgewise.visitors.vocabulary import DEVICES, read_country, read_device, read_locale

Type: TypeAlias = Literal["text", "number", "boolean", "list", "table"]


class Values(NamedTuple):
    """The values of one attribute.

    - `expected`: what errors call such a value.
    - `choices`: all texts or truth values, if there are few.
    - `spell`: the spelling in which a text arrives. None for a text that never arrives.
    - `low`, `high`, `whole`: the bounds of a number. `high` is also the most elements of a list.
    - `all`: makes all texts, if they can be listed.
    - `is_open`: a table whose keys anybody may choose.
    - `may_be_empty`: an empty text is a value. Otherwise the attribute is then absent.
    """

    type: Type
    expected: str
    choices: tuple[str | bool, ...] = ()
    spell: Callable[[str], str | None] = str
    low: float = float("-inf")
    high: float = float("inf")
    whole: bool = False
    is_open: bool = False
    may_be_empty: bool = False
    all: Callable[[], Iterable[str]] | None = None


def spell_host(text: str) -> str | None:
    """The host of an address, or of a host with other letters."""
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        return None
    return host and decode_host(host)


def spell_url(text: str) -> str | None:
    return None if text.startswith("/") else decode_url(text)


def _spell_device(text: str) -> str | None:
    device = read_device(text)
    return None if device == "other" else device


def _spell_source(text: str) -> str | None:
    return spell_host(text) if "://" in text else bounded(text)


def _spell_language(text: str) -> str | None:
    locale = read_locale(text)
    return None if locale is None else locale.language


def _spell_region(text: str) -> str | None:
    locale = read_locale(text if "-" in text or "_" in text else f"en-{text}")
    return None if locale is None else locale.region


def _spell_locale(text: str) -> str | None:
    locale = read_locale(text)
    return None if locale is None else locale.tag


def _spell_zone(text: str) -> str | None:
    zone = find_zone(text)
    return None if zone is None else zone.key


def _words(letters: str, *lengths: int) -> Iterable[str]:
    return ("".join(word) for length in lengths for word in product(letters, repeat=length))


def choice(*choices: str, spell: Callable[[str], str | None] = str.lower) -> Values:
    return Values("text", f"one of {', '.join(choices)}", choices, spell)


def number(low: float, high: float = float("inf"), *, whole: bool = True, note: str = "") -> Values:
    noun = "a whole number" if whole else "a number"
    bounds = f" of at least {low:g}" if high == float("inf") else f" from {low:g} to {high:g}"
    return Values("number", f"{noun}{note or bounds}", low=low, high=high, whole=whole)


TEXT = Values("text", "a text")
CAMPAIGN = Values(
    "text", "a decoded text", spell=lambda text: decode_text(text.replace("+", " ") if "%" in text else text)
)
KEPT_TEXT = Values("text", "a text of at most 40 bytes", spell=bounded)
SOURCE = Values("text", 'a campaign\'s source, or a host such as "www.google.com"', spell=_spell_source)
KEPT_CAMPAIGN = KEPT_TEXT._replace(may_be_empty=True)
PATH = Values("text", 'a decoded path such as "/größen", without host and query', spell=read_path)
URL = Values("text", 'a whole address such as "https://shop.example/cart"', spell=spell_url)
HOST = Values("text", 'a host such as "www.google.com"', spell=spell_host)
DEVICE = choice(*DEVICES, spell=_spell_device)
COUNTRY = Values("text", 'two capital letters such as "DE"', spell=read_country, all=lambda: _words(ascii_uppercase, 2))
LANGUAGE = Values(
    "text",
    'two or three small letters such as "de"',
    spell=_spell_language,
    all=lambda: _words(ascii_lowercase, 2, 3),
)
REGION = Values(
    "text",
    'two capital letters or three digits, such as "AT"',
    spell=_spell_region,
    all=lambda: chain(_words(ascii_uppercase, 2), _words(digits, 3)),
)
LOCALE = Values("text", 'a language tag such as "de-DE"', spell=_spell_locale)
ZONE = Values("text", 'a time zone such as "Europe/Berlin"', spell=_spell_zone, all=zone_names)
PART = choice(*PARTS)
BOOLEAN = Values("boolean", "true or false", (True, False))
COUNT = number(0)
AMOUNT = number(0, whole=False)
MONEY = Values("number", "a number")
WEEKDAY = number(1, 7, note=" from 1 (Monday) to 7 (Sunday)")
LIST = Values("list", "a list")
GROUP = Values("table", "a table")
OPEN = Values("table", "a table", is_open=True)
