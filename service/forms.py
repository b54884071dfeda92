"""A question in the words of the library: as its words are spelt there, with the short names that are used there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from indexer.lexical import Lexical, stems
from indexer.names import MOST_WORDS, PHRASE_WORDS, abbreviates, parts, phrases, short_names
from indexer.types import TokenCounter
from service.vocabulary import STOP_WORDS

MOST_CLAUSES = 3
"""A question is taken apart into so many at most."""

CLAUSE_WORDS = 2
"""A question with fewer words that mean something cannot be understood without the one beside it."""

SHORTEST = 4
"""A word of fewer letters is not taken to be misspelt."""

SHORTEST_NAME = 3
"""A word of fewer letters in lower case is not taken for a short name."""

LONG_NAME = 4
"""That so many initials are those of a phrase by chance is unlikely."""

LIKELIER = 2
"""The phrase that a short name stands for is in so many times more passages than any other with its initials."""

MOST_LOOKED_UP = 64
"""So many words of a question are looked up for what they mean."""

MOST_READ = 50
"""So many passages with a phrase that a short name may stand for are read."""

ENDINGS = ("s", "es", "d", "ed", "ing", "r", "er", "al", "ly")
BASE = 5
"""Letters of a common word that with an ending is another: of a shorter one it is rather a slip (`traning`)."""

LONG_WORD = 8
"""A word of so many letters may have two letters wrong, a shorter one has one."""

_WORD = re.compile(r"\b[^\W\d_]+\b")
_CLAUSE = re.compile(
    r"(?<=\?)\s++(?=[^?]*\?)|;\s+|(?:[,;]\s*|\s)(?:and|or|also|but)\s+"
    r"(?=(?:are|can|did|do|does|how|is|should|was|were|what|when|where|which|who|why|will)\b)",
    re.IGNORECASE,
)
"""What stands between two questions."""

_TITLE = re.compile(r"([A-Z][^:?]*): [A-Z][^?]*")
_ASIDES = (
    re.compile(r"(?:[:,]|(?<!\s))\s*(?:https?://|www\.)\S+"),
    re.compile(r",\s(?=[^,;]*\b(?:and|et al)\b)[^,;]*,?\s\(?(?:19|20)\d\d[a-z]?\)?\W*$"),  # who wrote it, and when
    re.compile(r"(?<!\s)\s*\([^()]*\)\s*$|(?<=\?)\s[^?]+$"),  # in brackets, or behind the question mark
    re.compile(
        r"^(?:(?:check out|figure out|find out(?: about)?|learn(?: about)?|look (?:at|into|up)|read(?: about| up on)?|"
        r"revisit|review|study|understand)(?:,? and |, |:? ))+(?=\S)",
        re.IGNORECASE,
    ),  # what to do about it
)


TextReader: TypeAlias = Callable[[Iterable[int]], Mapping[int, str]]
"""Reads the texts of passages, by their numbers."""


def forms(text: str, lexical: Lexical, count_tokens: TokenCounter, read_texts: TextReader) -> list[str]:
    """The question itself, and where it has other words than the library, in the library's.

    As it is spelt there; with a phrase as its short name (NTM for neural Turing machine); with a short name as the
    phrase that the library explains it by, or that it seems to stand for; without remarks; what stands
    before the colon of a title. At last, where it asks several things, each by itself.
    """
    spelt = respelt(text, lexical, count_tokens)
    long = explained(spelt, lexical, count_tokens, read_texts)
    bare = without_aside(spelt)
    found = (text, spelt, shortened(spelt, lexical), long, bare, headline(bare), *clauses(text))
    return list(dict.fromkeys(found))


def clauses(text: str) -> list[str]:
    """The questions that a text asks, where they are several, as far as they can be understood alone."""
    asked = _CLAUSE.split(text, maxsplit=MOST_CLAUSES - 1)
    return [clause for clause in asked if _means_something(clause)] if len(asked) > 1 else []


def _means_something(clause: str) -> bool:
    return sum(word not in STOP_WORDS for word in _WORD.findall(clause.lower())) >= CLAUSE_WORDS


def respelt(text: str, lexical: Lexical, count_tokens: TokenCounter) -> str:
    """The text with each word that the library does not have as the nearest one there, if one of the two is no word."""

    def mended(match: re.Match[str]) -> str:
        word, is_name = match[0].lower(), match.start() > 0 and not match[0].islower()
        if len(word) < SHORTEST or is_name or not word.isascii() or lexical.is_spelt(word):
            return match[0]
        known = _is_word(word, count_tokens)
        edits = (len(word) >= LONG_WORD) + (not known)
        near = sorted(_near(word, edits, lexical)) if edits else []
        if not near or any(_is_form(word, other) for _, _, other in near) or _is_inflected(word, lexical, count_tokens):
            return match[0]
        nearest = near[0][2]
        return match[0] if known and _is_word(nearest, count_tokens) else nearest

    return _WORD.sub(mended, text)


def _near(word: str, edits: int, lexical: Lexical) -> Iterator[tuple[int, int, str]]:
    """The library's words within some edits of a word that begin alike, as they sort: near, then frequent, first."""
    from rapidfuzz.distance import OSA  # long to import, and most questions are spelt as the library is

    for beginning in dict.fromkeys((word[:2], word[0] + word[2])):
        for other, count in lexical.spellings(beginning):
            if len(other) >= SHORTEST and abs(len(other) - len(word)) <= edits:
                distance = OSA.distance(word.replace("z", "s"), other.replace("z", "s"), score_cutoff=edits)
                if distance <= edits and lexical.is_spelt(other):
                    yield distance, -count, other


def _is_form(word: str, other: str) -> bool:
    """Whether one of two words is the other with an ending, so that either is found by the other."""
    short, long = sorted((word, other), key=len)
    return long.removeprefix(short) in ENDINGS


def _is_inflected(word: str, lexical: Lexical, count_tokens: TokenCounter) -> bool:
    """Whether a word is a common one of BASE letters, or one of the library, with an ending: `tagger`, `deepening`."""
    for ending in ENDINGS:
        base = word.removesuffix(ending)
        doubled = base[-2:-1] == base[-1:]
        for one in () if base == word else (base, base[:-1]) if doubled else (base,):
            is_known = len(one) >= BASE or (len(one) >= SHORTEST_NAME and lexical.is_spelt(one))
            if is_known and _is_word(one, count_tokens):
                return True
    return False


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


def explained(text: str, lexical: Lexical, count_tokens: TokenCounter, read_texts: TextReader) -> str:
    """The text with each short name as what the library most often explains it to be, or else seems to mean by it.

    Of a text of more than MOST_LOOKED_UP words, only those of the first.
    """
    lower = text.lower()
    meanings: dict[str, str] = {}

    def meant(match: re.Match[str]) -> str:
        name = match[0]
        if name not in meanings and len(meanings) < MOST_LOOKED_UP:
            known = _meanings(name, lexical, count_tokens, read_texts)
            meanings[name] = known[0] if known and known[0] not in lower else name
        return meanings.get(name, name)

    return _WORD.sub(meant, text)


def _meanings(name: str, lexical: Lexical, count_tokens: TokenCounter, read_texts: TextReader) -> list[str]:
    """What a short name may mean, the likeliest first; of a word in lower case only if nothing else has that word."""
    known, in_capitals = lexical.is_spelt(name.lower()), any(short_names(name))
    if not in_capitals and (known or len(name) < SHORTEST_NAME or not name.islower() or _is_word(name, count_tokens)):
        return []
    return lexical.meanings(name) or ([] if known else _seeming(name, lexical, read_texts))


def _seeming(name: str, lexical: Lexical, read_texts: TextReader) -> list[str]:
    """The phrase whose initials are a short name that the library does not have, if one is likelier than others.

    Either the name has LONG_NAME letters, or more than one passage has the phrase.
    """
    letters = name.lower()
    if len(letters) not in PHRASE_WORDS:
        return []
    counts = Counter[str]()
    spelt: dict[str, str] = {}
    for passage in read_texts(lexical.with_initials(letters, MOST_READ)).values():
        for key, phrase in {" ".join(stems(found)): found for found in phrases(passage, letters)}.items():
            counts[key] += 1
            spelt.setdefault(key, phrase)
    (first, count), (_, second) = [*counts.most_common(2), ("", 0), ("", 0)][:2]
    likely = count >= LIKELIER * max(second, 1) or (count and not second and len(letters) >= LONG_NAME)
    return [spelt[first]] if likely else []


def without_aside(text: str) -> str:
    """The text without what is not asked: remarks at its end, addresses, who wrote a paper, what to do about it."""
    for aside in _ASIDES:
        text = aside.sub("", text).strip() or text
    return text


def headline(text: str) -> str:
    """What stands before the colon of a title, when that means something by itself."""
    title = _TITLE.fullmatch(text)
    return title[1] if title and _means_something(title[1]) else text


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
            if not count or lower[0] in STOP_WORDS or lower[count - 1] in STOP_WORDS or _is_variant(name, lower[0]):
                continue
            if any(len(word) == 1 or any(short_names(word)) for word in phrase[:count]):
                continue  # what is short already is not shortened again
            saying = [word for word in phrase[:count] if word.lower() not in STOP_WORDS]
            # Two initials, or three with a common word among them, could be of anything, unless written as a name.
            if len(saying) > 2 or not name[1:].isupper() or all(word.istitle() for word in saying):
                yield count, name


def _is_variant(name: str, word: str) -> bool:
    """Whether a name is that of a variant, a word with a letter added: AdamW is not short for `Adam wants`."""
    first, *rest = parts(name)
    return first == word and all(len(part) == 1 for part in rest)


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
