"""Where the tokens of a text stand, for BERT's tokenizers, without tokenising all of it again.

They cut a text at white space and around punctuation before anything else, so what a word becomes does not depend on
the words beside it, and can be remembered.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any, TypeAlias

Offsets: TypeAlias = list[tuple[int, int]]

MOST_KNOWN = 200_000
"""So many words are remembered; then all are forgotten, which costs less than to know which was used last."""

_PUNCTUATION = r"!-/:-@\[-`{-~"
_WORD = re.compile(rf"\s*(?:[^\s{_PUNCTUATION}]+|[{_PUNCTUATION}])")
"""A word with the white space before it. Other punctuation than ASCII's stays inside: the tokenizer cuts it."""

_SEPARATORS = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
"""White space to Python, but nothing at all to BERT."""


class WordPieces:
    """Finds the tokens of texts; safe to share between threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        special = (token.content for token in tokenizer.get_added_tokens_decoder().values())
        self._special = re.compile("|".join(map(re.escape, special)) or r"(?!)")
        self._known: dict[str, Offsets] = {}

    def offsets(self, text: str) -> Offsets:
        """What the tokenizer says of a text, with the tokens that open and close it."""
        if self._special.search(text) or _SEPARATORS.search(text):
            places: Offsets = self._tokenizer.encode(text).offsets
            return places
        words, known = _WORD.findall(text), self._known
        places = [(0, 0)]
        for word, end in zip(words, accumulate(map(len, words)), strict=True):
            for first, last in known.get(word) or self._learned(word):
                places.append((end - first, end - last))
        places.append((0, 0))
        return places

    def _learned(self, word: str) -> Offsets:
        """The tokens of a word that stands before `end`: each as how far before it begins and ends."""
        bare = word.lstrip()
        if bare.isascii() and self._tokenizer.token_to_id(bare.lower()) is not None:
            found = [(len(bare), 0)]
        else:
            places = self._tokenizer.encode(bare, add_special_tokens=False).offsets
            found = [(len(bare) - first, len(bare) - last) for first, last in places]
        if len(self._known) >= MOST_KNOWN:
            self._known = {}
        self._known[word] = found
        return found
