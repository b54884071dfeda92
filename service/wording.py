"""What a question insists on in so many words, and whether a text has it: names, numbers, negations, opposites.

English alone is read so far; of a question in another language the names and numbers are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from indexer.lexical import stems
from service.vocabulary import STOP_WORDS, opposites
from service.words import is_negated

TITLE_CASE = 0.6
"""From this share of capitalised words on, a question is set like a headline, and its capitals say nothing."""

SHORTEST_INSIDE = 3
"""A name of so many letters may be part of a longer word (`Transformer` in `Transformers`), a shorter one may not."""

DEFINED_WORDS = 5
"""The thing that a question asks to define has at most so many words."""

_ASPECTS = frozenset(
    """
    advantage aim basis benefit cause cost definition difference disadvantage drawback effect example formula function
    goal idea impact importance intuition limitation meaning need number point problem purpose reason relation
    relationship result role shape size source type use value
    """.split()
)
"""What is asked of a thing, when not what it is: the point of convolution."""

_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"(?<![\w.])\d++(?:[.,]\d++)*+(?!\w)")
_TIMES = re.compile(r"\d+x(?:\d+)?(?:x\d+)?", re.IGNORECASE)
"""4x, 1x1: how many times, which is written in many ways."""

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_FOLD = re.compile(r"[\W_]+")
_WHAT_IS = re.compile(
    r"(?:what|who)(?:['’]s| is| are| was| were) (?:an? |the )?(?P<is>\w[\w -]*?)(?:['’]s)?(?<!\s)\s*\?*"
    r"|(?:define|describe|explain(?: what)?) (?:an? |the )?(?P<explain>\w[\w -]*?)(?: is| are)?(?<!\s)\s*[?.]*",
    re.IGNORECASE,
)
_IS_SAID = re.compile(
    r"(?:s|es)?\W*(?:\([^)]*\)\W*)?(?:is|are|was|were|means|refers|denotes|consists?|[:=–—-])", re.IGNORECASE
)
"""What stands behind the name of what a sentence defines."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question that carries meaning, and its place in the question, in characters."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question insists on.

    `words` are those that carry meaning, or all when none does, and `stems` theirs. `names` are written with a capital
    or digit where another word has none; `numbers` stand alone. `negated` says that it has a negation, `subject` what
    it asks to define, "" when it asks for something else.
    """

    words: tuple[Word, ...]
    stems: frozenset[str]
    names: tuple[Word, ...]
    numbers: frozenset[str]
    negated: bool
    subject: str


@lru_cache(maxsize=16)
def asked(question: str) -> Asked:
    """Read what a question insists on."""
    words = tuple(map(_word, _WORD.finditer(question)))
    meaning = tuple(word for word in words if word.text.lower() not in STOP_WORDS)
    defined = _WHAT_IS.fullmatch(question.strip())
    subject = (defined["is"] or defined["explain"]) if defined else ""
    return Asked(
        words=meaning or words,
        stems=frozenset(stems(" ".join(word.text for word in meaning or words))),
        names=tuple(map(_word, _names(question))),
        numbers=numbers(question),
        negated=is_negated(question),
        subject=subject if _is_thing(subject.lower().split()) else "",
    )


def _is_thing(subject: list[str]) -> bool:
    """Whether some words name a thing, and not something about it."""
    aspect = len(subject) > 1 and subject[0].removesuffix("s") in _ASPECTS and subject[1] in ("of", "behind")
    return not aspect and len(subject) <= DEFINED_WORDS and STOP_WORDS.isdisjoint(set(subject) - {"of"})


def _names(text: str) -> list[re.Match[str]]:
    words = [(found, _is_marked(found[0])) for found in _WORD.finditer(text)]
    unmarked = [found[0][0].isupper() for found, marked in words if not marked]
    headline = sum(unmarked) >= max(3, TITLE_CASE * len(unmarked))
    return [
        found
        for found, marked in words
        if (marked or (not headline and found[0][0].isupper() and not _begins(text, found.start())))
        and found[0].lower() not in STOP_WORDS
    ]


def _is_marked(word: str) -> bool:
    """Whether a word is a name wherever it stands: a capital inside it, or digits beside letters."""
    inside = word[1:]
    if word.isalpha():  # as most are
        return inside.lower() != inside
    if _TIMES.fullmatch(word):
        return False
    return inside.lower() != inside or (any(map(str.isdigit, word)) and any(map(str.isalpha, word)))


def _begins(question: str, start: int) -> bool:
    """Whether a sentence begins here, so that a capital says nothing."""
    before = question[:start].rstrip(" \"'([“‘")
    return not before or before[-1] in ".?!:"


def numbers(text: str) -> frozenset[str]:
    """The numbers that stand alone in a text, without the commas in thousands."""
    return frozenset(found.replace(",", "") for found in _NUMBER.findall(text))


def missing_names(text: str, question: Asked) -> list[Word]:
    """The names of a question that a text does not have.

    A name is found in whatever way it is joined (`ResNet50`, `ResNet-50`), as part of a longer word, and as the
    initials of words that follow one another.
    """
    lower = text.lower()
    doubtful = [name for name in question.names if not _stands_in(lower, name.text)]
    if not doubtful:
        return []
    looked_up = _looked_up(lower)
    return [name for name in doubtful if not _has(name.text, *looked_up)]


def _stands_in(lower: str, name: str) -> bool:
    """Whether a name is in a text, in lower case, as it is written: then nothing else need be looked at."""
    return len(name) >= SHORTEST_INSIDE and name.lower() in lower


@lru_cache(maxsize=64)
def _looked_up(lower: str) -> tuple[frozenset[str], str, str]:
    """The words of a text in lower case, these joined, and their initials."""
    words = _WORD.findall(lower)
    return frozenset(words), "".join(words), "".join(word[0] for word in words)


def has_numbers(text: str, question: Asked) -> bool:
    """Whether a text has every number of a question."""
    return not question.numbers or question.numbers <= {found.replace(",", "") for found in _DIGITS.findall(text)}


def particulars(text: str, question: Asked) -> float:
    """The share of the names and numbers of a question that a text has, 0 when it has none of either."""
    found = {found.replace(",", "") for found in _DIGITS.findall(text)}
    wanted = len(question.names) + len(question.numbers)
    has = len(question.names) - len(missing_names(text, question)) + len(question.numbers & found)
    return has / wanted if wanted else 0.0


def _has(name: str, words: frozenset[str], joined: str, initials: str) -> bool:
    folded = _FOLD.sub("", name.lower())
    if len(folded) < SHORTEST_INSIDE:
        return folded in words
    singular = folded.removesuffix("s")
    short = name[:-1].isupper() and len(singular) >= SHORTEST_INSIDE
    return singular in joined or (short and singular in initials)


def contradiction(sentence: str, question: Asked, *, context: str = "") -> float:
    """The share of a question's words that a sentence has, when it differs in what turns the meaning round; else 0.

    The question is negated and the sentence is not; the sentence has the opposite of a word of the question in its
    place; or it has other numbers, or other names than those that neither it nor its context has.
    """
    if not (
        (question.negated and not is_negated(sentence))
        or (question.numbers and _has_others(numbers(sentence), question.numbers))
        or _has_opposite(sentence, question)
        or (missing_names(f"{context}\n{sentence}", question) and _names_others(sentence, question))
    ):
        return 0.0
    return len(question.stems & stems_of(sentence)) / max(len(question.stems), 1)


def _has_others(given: frozenset[str], wanted: frozenset[str]) -> bool:
    """Whether some are missing, and others are there."""
    return not wanted <= given and not given <= wanted


def _has_opposite(sentence: str, question: Asked) -> bool:
    """Whether a sentence has the opposite of a word that it does not have."""
    said = stems_of(sentence)
    others = said - question.stems
    return bool(others) and not all(others.isdisjoint(opposites(word)) for word in question.stems - said)


def _names_others(sentence: str, question: Asked) -> bool:
    """Whether a sentence has a name that is none of the question's words."""
    return not _named(sentence) <= question.stems


def defines(text: str, heading: str, subject: str) -> bool:
    """Whether a text says what its subject is ("A subject is …", "Subject: …"), or stands under its name."""
    if _FOLD.sub("", subject.lower()) in _FOLD.sub("", heading.lower()):
        return True
    words = subject.split()
    if words[0].lower() not in text.lower():  # an expression is made for what may be found alone
        return False
    name = re.compile(r"\b" + r"\W+".join(map(re.escape, words)), re.IGNORECASE)
    return any(_IS_SAID.match(text, found.end()) for found in name.finditer(text))


def _word(found: re.Match[str]) -> Word:
    return Word(found[0], found.start(), found.end())


@lru_cache(maxsize=1024)
def stems_of(text: str) -> frozenset[str]:
    """The stems of a text's words."""
    return frozenset(stems(" ".join(_WORD.findall(text))))


@lru_cache(maxsize=64)
def _named(text: str) -> frozenset[str]:
    """The stems of the names in a text."""
    return frozenset(stems(" ".join(found[0] for found in _names(text))))
