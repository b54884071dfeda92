"""Why a passage was found: the words that it has of the question, those that it has not, and how near it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from indexer.lexical import stems
from service.selection import UNSPACED
from service.types import Citation, Hit, Why
from service.vocabulary import STOP_WORDS
from service.writers import belongs

_WORD = re.compile(r"[^\W_]+")


class Matcher:
    """A question, ready to be compared with what was found for it.

    `texts` are the forms that ask all of it, its own words first.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._forms = [_asked(text) for text in texts]
        self._initials = {first for form in self._forms for stem in form for first in stem[0].lower() + stem[0].upper()}

    def explained(self, citations: Iterable[Citation], hits: Sequence[Hit]) -> tuple[Citation, ...]:
        """The citations, each with why it was found; `hits` are what they were made of."""
        return tuple(self._explained(citation, hits) for citation in citations)

    def _explained(self, citation: Citation, hits: Sequence[Hit]) -> Citation:
        hit = next((hit for hit in hits if belongs(citation, hit)), None)
        return citation if hit is None else replace(citation, why=self.why(citation, hit.dense))

    def why(self, citation: Citation, cosine: float) -> Why:
        """Compare a passage, with its headings and title, with the form of the question that it meets best."""
        written = dict[str, str]()  # a stem begins as its word does, but for accents: most words need none
        for text in (citation.passage, *citation.headings, citation.title):
            for word in _WORD.findall(text):
                if word[0] in self._initials or not word[0].isascii():
                    written.setdefault(_stem(word), word)
        has = {stem: written[stem] for form in self._forms for stem in form if stem in written}
        misses = min(([form[stem] for stem in form if stem not in written] for form in self._forms), key=len)
        return Why(tuple(has.values()), tuple(misses), round(min(max(cosine, 0.0), 1.0), 3))


def stretches(text: str, words: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """A text piece by piece: what is one of some words in any form, and what lies between."""
    wanted, done = set(map(_stem, words)), 0
    for found in _WORD.finditer(text) if wanted else ():
        if _stem(found[0]) in wanted:
            if done < found.start():
                yield text[done : found.start()], False
            yield found[0], True
            done = found.end()
    if done < len(text):
        yield text[done:], False


def _asked(text: str) -> dict[str, str]:
    """The words of a question that mean something, by their stems.

    What is written without spaces is one word to this, and says nothing.
    """
    words = (word for word in _WORD.findall(text) if len(word) > 1 or word.isdecimal())
    return {_stem(word): word for word in words if word.lower() not in STOP_WORDS and not UNSPACED.search(word)}


@lru_cache(maxsize=1 << 14)
def _stem(word: str) -> str:
    """A word as full-text search compares it; as it is, where that makes several of it, or leaves it out."""
    found = stems(word)
    return found[0] if len(found) == 1 else word
