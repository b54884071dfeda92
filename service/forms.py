"""A question in the words of the library: as its words are spelt there, with the short names that are used there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import OSA

from indexer.lexical import Lexical
from indexer.names import MOST_WORDS, abbreviates, short_names
from indexer.types import TokenCounter
from service.vocabulary import STOP_WORDS

MOST_FORMS = 5
"""A question is asked in so many forms at most, its own included."""

SHORTEST = 4
"""A word of fewer letters is not taken to be misspelt."""

LONG_WORD = 8
"""A word of so many letters may have two letters wrong, a shorter one has one."""

_WORD = re.compile(r"\b[^\W\d_]+\b")
_ASIDE = re.compile(r"\s*\([^()]*\)\s*$")


def forms(text: str, lexical: Lexical, count_tokens: TokenCounter) -> list[str]:
    """The question itself, and where it has other words than the library, in the library's.

    As it is spelt there; with a phrase as its short name (NTM for neural Turing machine); with a short name as the
    phrase that the library explains it by; without what stands in brackets.
    """
    spelt = respelt(text, lexical, count_tokens)
    found = [text, spelt, shortened(spelt, lexical), explained(spelt, lexical), without_aside(spelt)]
    return list(dict.fromkeys(found))[:MOST_FORMS]


def respelt(text: str, lexical: Lexical, count_tokens: TokenCounter) -> str:
    """The text with each word that the library does not have as the nearest one there, if one of the two is no word."""

    def mended(match: re.Match[str]) -> str:
        word, is_name = match[0].lower(), match.start() > 0 and not match[0].islower()
        if len(word) < SHORTEST or is_name or not word.isascii() or lexical.is_spelt(word):
            return match[0]
        known = _is_word(word, count_tokens)
        edits = (len(word) >= LONG_WORD) + (not known)
        near = sorted(_near(word, edits, lexical)) if edits else []
        if not near or any(other in (word + "s", word[:-1]) for _, _, other in near):
            return match[0]
        nearest = near[0][2]
        return match[0] if known and _is_word(nearest, count_tokens) else nearest

    return _WORD.sub(mended, text)


def _near(word: str, edits: int, lexical: Lexical) -> Iterator[tuple[int, int, str]]:
    """The library's words within some edits of a word that begin alike, as they sort: near, then frequent, first."""
    for beginning in dict.fromkeys((word[:2], word[0] + word[2])):
        for other, count in lexical.spellings(beginning):
            if len(other) >= SHORTEST and abs(len(other) - len(word)) <= edits:
                distance = OSA.distance(word, other, score_cutoff=edits)
                if distance <= edits:
                    yield distance, -count, other


def shortened(text: str, lexical: Lexical) -> str:
    """The text with each phrase as the short name that the library has for it."""
    pieces, done, lower = [], 0, text.lower()
    for phrase in _phrases(text):
        if phrase[0].start() < done:
            continue
        names = (found for found in _short_for([word[0] for word in phrase], lexical) if found[1].lower() not in lower)
        count, name = max(names, default=(0, ""))
        if count:
            pieces += [text[done : phrase[0].start()], name]
            done = phrase[count - 1].end()
    return "".join((*pieces, text[done:]))


def explained(text: str, lexical: Lexical) -> str:
    """The text with each short name as what the library most often explains it to be."""

    def meant(match: re.Match[str]) -> str:
        known = lexical.meanings(match[0]) if any(short_names(match[0])) else []
        return known[0] if known and known[0] not in text.lower() else match[0]

    return _WORD.sub(meant, text)


def without_aside(text: str) -> str:
    """The text without what stands in brackets at its end: a remark, not what is asked."""
    return _ASIDE.sub("", text) or text


def _phrases(text: str) -> Iterator[list[re.Match[str]]]:
    """From each word on, the words that follow one another with nothing but a space or a hyphen between them."""
    words = list(_WORD.finditer(text))
    for first in range(len(words)):
        end = first + 1
        while end < min(len(words), first + MOST_WORDS) and text[words[end - 1].end() : words[end].start()] in (
            " ",
            "-",
        ):
            end += 1
        if end > first + 1:
            yield words[first : min(end, first + MOST_WORDS)]


def _short_for(phrase: Sequence[str], lexical: Lexical) -> Iterator[tuple[int, str]]:
    """Short names for what a phrase begins with: how many of its words, and the name."""
    lower = [word.lower() for word in phrase]
    for key in dict.fromkeys(_initials(lower)):
        for name in lexical.names(key):
            count = abbreviates(name, lower)
            if not count or lower[0] in STOP_WORDS or lower[count - 1] in STOP_WORDS:
                continue
            saying = [word for word in phrase[:count] if word.lower() not in STOP_WORDS]
            # Two initials, or three with a common word among them, could be of anything, unless written as a name.
            if len(saying) > 2 or not name[1:].isupper() or all(word.istitle() for word in saying):
                yield count, name


def _initials(lower: Sequence[str]) -> Iterator[str]:
    """The initials of what a phrase may begin with, with all words and without one, which a name may leave out."""
    for end in range(2, len(lower) + 1):
        letters = "".join(word[0] for word in lower[:end])
        yield letters
        yield from (letters[:out] + letters[out + 1 :] for out in range(1, end - 1))


def _is_word(word: str, count_tokens: TokenCounter) -> bool:
    """Whether the encoder has a token for a word: it has one for each that is common."""
    empty, whole = count_tokens(["", word])
    return whole - empty == 1
