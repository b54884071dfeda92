"""Finding what a model says it quotes in the passages that it was given; what is not there is not found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from indexer.plain import plain
from indexer.types import DocumentKind, Span
from service.types import Hit

FEWEST_WORDS = 3
"""Fewer words prove nothing, unless they are the whole of a sentence or a line …"""

FEWEST_WHOLE = 2
"""… that has at least so many."""

LONGEST_QUOTE = 2000
"""In characters; longer ones are not looked for."""

INEXACT_WORDS = 6
"""In a quote of so many words one may have a letter wrong …"""

INEXACT_STEP = 16
"""… and one more for each further so many words."""

LONG_WORD = 6
"""Shorter words are others when a letter differs: causal is not casual, but from is not form either."""

NEGATIONS = frozenset(
    "no not never none nor neither without cannot nothing nobody nowhere hardly barely "
    "nicht kein keine keinen keiner keinem keines nie niemals ohne pas jamais sans nunca".split()
)
_CONTRACTED = re.compile(r"(?:do|does|did|is|are|was|were|has|have|had|wo|would|ca|could|should|must|need|might|ai)nt")
_ARTICLES = frozenset(("a", "an", "the"))
_ENDING = re.compile(r"(?<=[^\W\d_]{4})(?:ing|ed|es|e|(?<!s)s|d)$")

_HIDDEN = re.compile("[\u00ad\u034f\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d]")
_APOSTROPHES = re.compile(r"(?<=\w)['’‘ʼ`´](?=\w)")
_COMPOSED = (("<->", "↔"), ("->", "→"), ("=>", "⇒"), ("!=", "≠"), ("<=", "≤"), (">=", "≥"), ("==", " "))
_ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    r"(?<![\w.)\]])-(?=\.?\d)|\d+(?:\.\d+)?e[+-]?\d+(?![^\W_])|\d+(?:[.,]\d+)*|(?<!\d)\.\d+"  # signs and numbers
    rf"|[{_ALONE}]|[^\W\d_{_ALONE}]+"  # words; where they are written without spaces, characters
    r"|[<>=+¬±×÷^%‰°←-⇿∀-⋿⟀-⟯⦀-⫿]"  # what a formula means
)
_CLAUSES = re.compile(
    r"[.!?…]['\"”’)\]]*\s+(?=[^\W\d_a-zß-ÿ])|[;。]|,\s+(?=(?:but|while|whereas|although|though|yet|unlike)\b)"
)
_ELLIPSIS = re.compile(r"\s*[\[(]?(?:\.\.\.|…)[\])]?\s*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


@dataclass(frozen=True, slots=True)
class Located:
    """Where a quote was found: in which of the passages, in which of its spans, in reading order.

    `clauses` are the clauses that it touches, as they stand there: what a quote leaves out may turn its sense.
    """

    passage: int
    spans: tuple[Span, ...]
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    span: int
    clause: int


class Quotable:
    """Passages in which quotes are looked for, by their words and not by what is between them.

    White space, punctuation, markup, case and the ways in which Unicode writes the same character make no difference;
    numbers, the signs of formulas and every word do. Words are whole: `able` is not in `unable`, nor `5` in `0.5`.
    """

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._spans = [hit.passage.spans for hit in hits]
        self._clauses: list[list[str]] = []
        self._tokens: list[list[_Token]] = []
        for hit in hits:
            clauses: list[str] = []
            tokens: list[_Token] = []
            for n, span in enumerate(hit.passage.spans):
                for clause in _CLAUSES.split(as_shown(span, hit.document.kind)):
                    tokens += [_Token(text, n, len(clauses)) for text in tokens_of(clause)]
                    clauses.append(clause)
            self._tokens.append(tokens)
            self._clauses.append(clauses)

    def locate(self, quote: str, passage: int | None) -> Located | None:
        """Find a quote in the passage that it is said to come from (from 0), or None.

        First as it is; then in the one place of another passage that has it, if only one has; at last, in its own
        passage, with other articles, other endings of words and a few letters wrong. A quote that leaves something out
        (`…`) is found when each of its parts is, in order; what it rests on then is all from the first to the last.
        """
        if len(quote) > LONGEST_QUOTE:
            return None
        known = passage is not None and 0 <= passage < len(self._tokens)
        parts = [words for part in _ELLIPSIS.split(quote) if (words := tokens_of(part))]
        whole = [word for part in parts for word in part]
        if known and (found := self._found(passage, [whole]) or self._found(passage, parts)):  # type: ignore[arg-type]
            return found
        others = [n for n in range(len(self._tokens)) if n != passage or not known]
        places = [(n, start) for n in others for start in self._starts(n, whole)]
        if len(places) == 1:
            return self._found(places[0][0], [whole])
        return self._found(passage, [whole], inexact=True) if known else None  # type: ignore[arg-type]

    def _starts(self, passage: int, words: Sequence[str]) -> list[int]:
        return list(_starts([token.text for token in self._tokens[passage]], words)) if words else []

    def _found(self, passage: int, parts: Sequence[Sequence[str]], *, inexact: bool = False) -> Located | None:
        tokens = self._tokens[passage]
        if inexact:  # articles are in nobody's way then
            tokens = [token for token in tokens if token.text not in _ARTICLES]
            parts = [[word for word in part if word not in _ARTICLES] for part in parts]
        texts = [token.text for token in tokens]
        first = last = after = 0
        for k, part in enumerate(parts):
            starts = _near_starts(texts, part) if inexact else _starts(texts, part)
            start = next((n for n in starts if n >= after and self._proves(passage, tokens[n : n + len(part)])), None)
            if start is None:
                return None
            first, last = (start if k == 0 else first), start + len(part) - 1
            after = last + 1
        if not parts:
            return None
        row, between = self._spans[passage], tokens[first : last + 1]
        clauses = self._clauses[passage][between[0].clause : between[-1].clause + 1]
        return Located(passage, row[between[0].span : between[-1].span + 1], tuple(clauses))

    def _proves(self, passage: int, tokens: Sequence[_Token]) -> bool:
        """Whether so much stands there for a quote of it to prove something."""
        if not tokens:
            return False
        weight = sum(0.5 if re.match(f"[{_ALONE}]", token.text) else 1.0 for token in tokens)
        if weight >= FEWEST_WORDS:
            return True
        row = sum(token.span == tokens[0].span for token in self._tokens[passage])
        return weight >= FEWEST_WHOLE and len(tokens) == row and tokens[0].span == tokens[-1].span


def as_shown(span: Span, kind: DocumentKind) -> str:
    """What a reader sees of a span: only notes have markup."""
    return " ".join(span.text.split()) if kind == "paper" else plain(span.text)


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


def negates(token: str) -> bool:
    """Whether one of `tokens_of` turns the sense: in English, and the plainest words of German, French and Spanish."""
    return token in NEGATIONS or token in ("¬", "≠") or bool(_CONTRACTED.fullmatch(token))


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


def _starts(texts: Sequence[str], words: Sequence[str]) -> Iterator[int]:
    """Where a row of words begins in a text."""
    size = len(words)
    for n in range(len(texts) - size + 1) if size else ():
        if texts[n] == words[0] and texts[n : n + size] == words:
            yield n


def _near_starts(texts: Sequence[str], words: Sequence[str]) -> Iterator[int]:
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
    same = long and one[:2] == other[:2] and not (negates(one) or negates(other))
    return same and OSA.distance(one, other, score_cutoff=1) <= 1
