"""Short names and what they stand for: NTM for Neural Turing Machine, DenseNet for densely connected network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

_SHORT = re.compile(r"(?<![\w/.@-])(?:[A-Za-z]*[A-Z]){2}[A-Za-z]*")
_PARTS = re.compile(r"[A-Z][a-z]*|^[a-z]+")
_IN_BRACKETS = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]{1,11})\s*[);,]")
_EXPLAINED = re.compile(
    r"(?<![\w/.@-])([A-Za-z][A-Za-z0-9]{1,11})(?:\s*[:=–—]|\s+-|,? (?:stands|is short) for)\s+(?=[A-Za-z])"
)
_RUN = re.compile(r"(?<![A-Za-z])[A-Za-z]+(?:[ \n-][A-Za-z]+)+")
_WORD = re.compile(r"[A-Za-z]+")

_COMMON = frozenset({"an", "and", "for", "in", "of", "on", "or", "the", "to", "with"})

LONGEST = 12
"""Letters of the longest short name."""

SYLLABLE = 3
"""A part of so many letters says which word it begins; an initial could be of any."""

PHRASE_WORDS = range(3, 6)
"""Words of a phrase that may be meant by its initials alone; those of fewer could be anybody's."""

MOST_WORDS = 6
"""Words of the longest phrase that is looked for."""

LEFT_OUT = frozenset({"of", "the"})
"""Words that a short name may leave out."""


def short_names(text: str) -> Iterator[str]:
    """The short names in a text: words with two capitals at least, as `LSTM`, `DenseNet`, `RoBERTa`; no plural s."""
    for found in _SHORT.findall(text):
        name = found[:-1] if found.endswith("s") and found[:-1].isupper() else found
        if 2 <= len(name) <= LONGEST and name.lower() not in _COMMON:
            yield name


def parts(name: str) -> list[str]:
    """The letters that stand for a word each, in lower case: `LSTM` has four, `DenseNet` has dense and net."""
    return [part.lower() for part in _PARTS.findall(name)]


def initials(name: str) -> str:
    """The first letters of the parts of a name: `dn` for DenseNet. Phrases are looked for by theirs."""
    return "".join(part[0] for part in parts(name))


def abbreviates(name: str, words: Sequence[str]) -> int:
    """How many words from the first on, in lower case, a name is short for; 0 when it is not.

    Each of its parts begins a word. `of` and `the` may be left out, and before a part of SYLLABLE letters another
    word.
    """
    at = 0
    for part in parts(name):
        first, left_out = at == 0, 0
        while not first and at < len(words) and not words[at].startswith(part):
            left_out += words[at] not in LEFT_OUT
            if left_out > (len(part) >= SYLLABLE):
                return 0
            at += 1
        if at == len(words) or not words[at].startswith(part):
            return 0
        at += 1
    return at if at > 1 and words[at - 1] not in LEFT_OUT else 0


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """What a text explains, short and long, in brackets or before a colon (Schwartz and Hearst 2003).

    `batch normalization (BN)`, `LoRA: Low-Rank Adaptation of …`.
    """
    for found in _IN_BRACKETS.finditer(text):
        name = found[1]
        if len(parts(name)) < 2:
            continue
        before = list(_WORD.finditer(text, max(0, found.start() - 100), found.start()))[-MOST_WORDS:]
        words = [word[0].lower() for word in before]
        for k in range(len(words) - 1):
            if abbreviates(name, words[k:]) == len(words) - k:
                yield name, " ".join(text[before[k].start() : before[-1].end()].split())
                break
    for found in _EXPLAINED.finditer(text):
        after = list(_WORD.finditer(text, found.end(), found.end() + 100))[:MOST_WORDS]
        count = abbreviates(found[1], [word[0].lower() for word in after]) if len(parts(found[1])) > 1 else 0
        if count:
            yield found[1], " ".join(text[after[0].start() : after[count - 1].end()].split())


def initialisms(text: str) -> set[str]:
    """The initials of every phrase of a text, see `phrases`."""
    found = set[str]()
    for words in _runs(text):
        letters = "".join([word[0] for word in words])
        ends = [word not in _COMMON for word in words]
        for count in PHRASE_WORDS:
            found.update(
                [letters[n : n + count] for n in range(len(words) - count + 1) if ends[n] and ends[n + count - 1]]
            )
    return found


def phrases(text: str, letters: str) -> Iterator[str]:
    """The rows of words with these initials that follow one another in a text, in lower case.

    A word that is written twice counts once. No row begins or ends with a word like `of`.
    """
    count = len(letters)
    for words in _runs(text):
        first = "".join([word[0] for word in words])
        at = first.find(letters)
        while at >= 0:
            if words[at] not in _COMMON and words[at + count - 1] not in _COMMON:
                yield " ".join(words[at : at + count])
            at = first.find(letters, at + 1)


def _runs(text: str) -> Iterator[list[str]]:
    """The words between which there is nothing but a space or a hyphen, in lower case, each but once in a row."""
    for run in _RUN.findall(text.lower()):
        yield [word for word, _ in groupby(run.replace("-", " ").split())]
