"""The words of a text, folded, and when two rows of words are the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from service.vocabulary import ARTICLES, negates

INEXACT_WORDS = 6
"""In a row of so many words one may have a letter wrong …"""

INEXACT_STEP = 16
"""… and one more for each further so many words."""

LONG_WORD = 6
"""Shorter words are others when a letter differs: causal is not casual, but from is not form either."""

_ENDING = re.compile(r"(?<=[^\W\d_]{4})(?:ing|ed|es|e|(?<!s)s|d)$")

_HIDDEN = re.compile("[\u00ad\u034f\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d]")
_APOSTROPHES = re.compile(r"(?<=\w)['’‘ʼ`´](?=\w)")
_COMPOSED = (("<->", "↔"), ("->", "→"), ("=>", "⇒"), ("!=", "≠"), ("<=", "≤"), (">=", "≥"), ("==", " "))
ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    r"(?<![\w.)\]])-(?=\.?\d)|\d+(?:\.\d+)?e[+-]?\d+(?![^\W_])|\d+(?:[.,]\d+)*|(?<!\d)\.\d+"  # signs and numbers
    rf"|[{ALONE}]|[^\W\d_{ALONE}]+"  # words; where they are written without spaces, characters
    r"|[<>=+¬±×÷^%‰°←-⇿∀-⋿⟀-⟯⦀-⫿]"  # what a formula means
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


def tokens_of(text: str) -> list[str]:
    """The words, numbers and signs of a text, folded so that the same ones are equal however they are written.

    A number keeps its sign and its decimals, and loses the commas between thousands.
    """
    folded: list[str] = []
    sign = ""
    for match in _TOKEN.finditer(_folded(text)):
        if (token := match[0]) == "-":
            sign = "-"
            continue
        if token[0].isdecimal() or token[0] == ".":
            token = token.replace(",", "") if _THOUSANDS.fullmatch(token.partition(".")[0]) else token
            token = sign + (f"0{token}" if token[0] == "." else token)
        sign = ""
        folded.append(token)
    return folded


def is_number(token: str) -> bool:
    """Whether one of `tokens_of` is a number."""
    return token[-1:].isdecimal()


def is_negated(text: str) -> bool:
    """Whether a text has a word that turns the sense."""
    return any(map(negates, tokens_of(text)))


def say_the_same(one: str, other: str) -> bool:
    """Whether two texts have the same words, but for articles, endings and a few slips, numbers and signs."""
    rows = [[token for token in tokens_of(text) if token not in ARTICLES] for text in (one, other)]
    return len(rows[0]) == len(rows[1]) and (not rows[0] or next(near_starts(*rows), None) == 0)


def _folded(text: str) -> str:
    """Case, compatible forms (ligatures, wide and mathematical letters), dashes and apostrophes made the same."""
    if not text.isascii():
        text = "".join(map(_compatible, _DASHES.sub("-", _HIDDEN.sub("", text))))
        text = unicodedata.normalize("NFKC", text)
    text = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", text).casefold())
    for written, sign in _COMPOSED:
        text = text.replace(written, sign)
    return text


def _compatible(character: str) -> str:
    """A character that is not to run into its neighbours when it is made compatible: 10⁵ is not 105."""
    kind = unicodedata.decomposition(character)
    if kind.startswith("<super>"):
        return f"^{character}"
    return f" {character}" if kind.startswith(("<sub>", "<fraction>", "<circle>")) else character


def starts(texts: Sequence[str], words: Sequence[str]) -> Iterator[int]:
    """Where a row of words begins in a text."""
    size = len(words)
    for n in range(len(texts) - size + 1) if size else ():
        if texts[n] == words[0] and texts[n : n + size] == words:
            yield n


def near_starts(texts: Sequence[str], words: Sequence[str]) -> Iterator[int]:
    """Where a row of words begins, but for their endings and some letters."""
    size = len(words)
    slips = 0 if size < INEXACT_WORDS else 1 + (size - INEXACT_WORDS) // INEXACT_STEP
    bases, wanted = [_base(text) for text in texts], [_base(word) for word in words]
    for n in range(len(texts) - size + 1):
        left = slips
        for base, other in zip(bases[n : n + size], wanted, strict=True):
            if base != other and (left := left - 1 if _is_slip(base, other) else -1) < 0:
                break
        else:
            yield n


def _base(word: str) -> str:
    return word if negates(word) else _ENDING.sub("", word)


def _is_slip(one: str, other: str) -> bool:
    """Whether two words differ in a letter, or two that changed places, and begin the same; not where it turns them."""
    long = min(len(one), len(other)) >= LONG_WORD and one.isalpha() and other.isalpha()
    if not long or one[:2] != other[:2] or negates(one) or negates(other):
        return False
    from rapidfuzz.distance import OSA  # hardly ever needed, and long to import

    return OSA.distance(one, other, score_cutoff=1) <= 1
