"""Texts to tokens a word at a time: what a word is made of is looked up once.

Libraries repeat their words, so this takes a tenth of the time of reading every text anew. It is for WordPiece as BERT
has it (Devlin et al. 2018, arXiv:1810.04805), without case, as the default model does, and gives just what the
tokenizer gives: a text is cut at white space and at signs, and what is left is the longest pieces that there are, from
the left. The tokenizer itself is asked about what is not ASCII, because one call of it takes as long as 50 look-ups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

Ids: TypeAlias = tuple[int, ...]
Offsets: TypeAlias = list[tuple[int, int]]
Known = TypeVar("Known")

MOST_WORDS = 1 << 17
"""Words that are remembered, in about 30 MB; then all are forgotten, and the frequent ones soon known again."""

LONGEST_WORD = 128
"""Longer ones, in characters, are not remembered: data and addresses in a note may be such."""

LONG_PART = 24
"""Longer parts of words are left to the tokenizer: all their beginnings are many."""

_PARTS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]")
"""What a word of ASCII is cut into before anything is looked up."""


class WordPieces:
    """A tokenizer that remembers words. Safe to use from many threads.

    `tokenizer` is one of the library tokenizers that neither pads nor truncates.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, Ids] = {}
        self._places: dict[str, Offsets] = {}
        self._first, self._last = tokenizer.encode("").ids

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, the special ones around it included, without truncation."""
        return [[self._first, *chain.from_iterable(pieces), self._last] for pieces in self._pieces(texts)]

    def counts(self, texts: Sequence[str]) -> list[int]:
        """How many ids each text has."""
        return [2 + sum(map(len, pieces)) for pieces in self._pieces(texts)]

    def offsets(self, text: str) -> Offsets:
        """Where each token stands in a text, in characters; nowhere, those around it."""
        words = _words(text)
        self._places, known = _learnt(self._places, set(words), self._places_of)
        found, start = [(0, 0)], 0
        for word in words:
            places = known[word]
            if len(places) == 1:  # as most have
                first, last = places[0]
                found.append((start + first, start + last))
            else:
                found += [(start + first, start + last) for first, last in places]
            start += len(word) + 1
        found.append((0, 0))
        return found

    def _pieces(self, texts: Sequence[str]) -> list[list[Ids]]:
        """The ids of the words of each text."""
        rows = list(map(_words, texts))
        self._ids, known = _learnt(self._ids, set().union(*rows), self._ids_of)
        return [[known[word] for word in row] for row in rows]

    def _ids_of(self, word: str) -> Ids:
        pieces = self._cut(word)
        return tuple(self._encoded(word).ids if pieces is None else [number for number, _ in pieces])

    def _places_of(self, word: str) -> Offsets:
        pieces = self._cut(word)
        return list(self._encoded(word).offsets) if pieces is None else [place for _, place in pieces]

    def _cut(self, word: str) -> list[tuple[int, tuple[int, int]]] | None:
        """The id and the place of each piece of a word; None where the tokenizer has to tell."""
        if not (word.isascii() and word.isprintable()) or "[" in word:  # which begins the special ones
            return None
        find, pieces = self._tokenizer.token_to_id, []
        lower = word.lower()
        if lower.isalnum() and (number := find(lower)) is not None:
            return [(number, (0, len(word)))]
        for part in _PARTS.finditer(lower):
            start, last = part.span()
            if last - start > LONG_PART:
                return None
            inside = ""
            while start < last:
                end = last
                while (number := find(inside + lower[start:end])) is None and end > start + 1:
                    end -= 1
                if number is None:
                    return None
                pieces.append((number, (start, end)))
                start, inside = end, "##"
        return pieces

    def _encoded(self, word: str) -> Any:
        return self._tokenizer.encode(word, add_special_tokens=False)


def _words(text: str) -> list[str]:
    """The parts of a text between spaces and ends of lines; each is followed by one character but for the last."""
    return text.replace("\n", " ").split(" ")


def _learnt(
    known: dict[str, Known], words: set[str], learn: Callable[[str], Known]
) -> tuple[dict[str, Known], dict[str, Known]]:
    """What to remember, which is another one where that would be too much, and what has all of some words."""
    new = words.difference(known)
    long = {word for word in new if len(word) > LONGEST_WORD}
    new -= long
    if len(known) + len(new) > MOST_WORDS:
        known, new = {}, words - long  # not emptied: another thread may be reading it
    for word in new:  # and no batch: waking threads costs more than they save
        known[word] = learn(word)
    return known, (known | {word: learn(word) for word in long} if long else known)
