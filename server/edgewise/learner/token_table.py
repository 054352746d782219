"""Token tables: the words of context lines as numbers, because open decisions of one policy share most words."""

from __future__ import annotations

from typing import TypeAlias

Tokens: TypeAlias = list[int | str]
"""The words of a context line. A number is the position of a word in the table."""

MAX_TOKENS = 4096
"""The most words of one table. A new table then begins, so that new words of a site's traffic also get numbers."""


class TokenTable:
    """Numbers the words of context lines, in the order in which they appear. A number never changes its word."""

    __slots__ = ("_numbers", "_words")

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._words: list[str] = []

    @property
    def is_full(self) -> bool:
        return len(self._words) >= MAX_TOKENS

    def pack(self, line: str) -> Tokens:
        words = line.split(" ")
        numbers = self._numbers
        try:
            return [numbers[word] for word in words]
        except KeyError:
            return [self._number(word) for word in words]

    def unpack(self, tokens: Tokens) -> str:
        """The inverse of `pack`."""
        words = self._words
        return " ".join([words[token] if isinstance(token, int) else token for token in tokens])

    def _number(self, word: str) -> int | str:
        number = self._numbers.get(word)
        if number is None:
            if self.is_full:
                return word
            number = self._numbers[word] = len(self._words)
            self._words.append(word)
        return number
