"""The strength of a secret that somebody has chosen. No message quotes the secret."""

from __future__ import annotations

import re

SHORTEST, LONGEST = 16, 256
MIN_UNPREDICTABLE = 10
"""Characters that do not follow from those before them. 16 random hexadecimal digits have 13."""

_ADVICE = "Use the output of `openssl rand -hex 32`."

_COMMON = re.compile(r"pass(?:word|wort)?|secret|key|change|edgewise|example|test|admin|default|letmein|qwerty|asdf")


def check_secret(text: str) -> str:
    """Return the secret if it is hard to guess.

    Raises:
        ValueError: the secret is too short, too long or too easy to guess, or no header can have it.
    """
    if not SHORTEST <= len(text) <= LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        expected = f"{SHORTEST} to {LONGEST} printable ASCII characters without spaces"
        raise ValueError(f"Expected {expected}, found {len(text)} characters. {_ADVICE}")
    if _count_unpredictable(text) < MIN_UNPREDICTABLE:
        raise ValueError(f"Expected a secret that is hard to guess, found words, repetitions or sequences. {_ADVICE}")
    return text


def _count_unpredictable(text: str) -> int:
    """Count the characters that are in no common word, in no sequence such as `1234`, and in no repetition."""
    text = _COMMON.sub("", text.lower())
    seen: set[str] = set()
    count = 0
    for index, character in enumerate(text):
        is_next = index > 0 and abs(ord(character) - ord(text[index - 1])) <= 1
        three = text[max(0, index - 2) : index + 1]
        count += not is_next and three not in seen
        seen.add(three)
    return count
