"""Short names and what they stand for: NTM for Neural Turing Machine, DenseNet for densely connected network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_SHORT = re.compile(r"(?<![\w/.@-])(?:[A-Za-z]*[A-Z]){2}[A-Za-z]*")
_PARTS = re.compile(r"[A-Z][a-z]*|^[a-z]+")
_IN_BRACKETS = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]{1,11})\s*[);,]")
_EXPLAINED = re.compile(
    r"(?<![\w/.@-])([A-Za-z][A-Za-z0-9]{1,11})(?:\s*[:=–—]|\s+-|,? (?:stands|is short) for)\s+(?=[A-Za-z])"
)
_WORD = re.compile(r"[A-Za-z]+")

_COMMON = frozenset({"an", "and", "for", "in", "of", "on", "or", "the", "to", "with"})

LONGEST = 12
"""Letters of the longest short name."""

SYLLABLE = 3
"""A part of so many letters says which word it begins; an initial could be of any."""

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
