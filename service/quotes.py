"""Finding what a model says it quotes in the passages that it was given; what is not there is not found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.plain import plain
from indexer.types import DocumentKind, Span
from service.types import Hit
from service.vocabulary import ARTICLES
from service.words import ALONE, near_starts, starts, tokens_of

FEWEST_WORDS = 3
"""Fewer words prove nothing, unless they are the whole of a sentence or a line …"""

FEWEST_WHOLE = 2
"""… that has at least so many."""

LONGEST_QUOTE = 2000
"""In characters; longer ones are not looked for."""

_CLAUSES = re.compile(
    r"[.!?…]['\"”’)\]]*\s+(?=[^\W\d_a-zß-ÿ])|[;。]|,\s+(?=(?:but|while|whereas|although|though|yet|unlike)\b)"
)
_ELLIPSIS = re.compile(r"(?:(?<!\s)\s+)?[\[(]?(?:\.\.\.|…)[\])]?\s*")


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
        return list(starts([token.text for token in self._tokens[passage]], words)) if words else []

    def _found(self, passage: int, parts: Sequence[Sequence[str]], *, inexact: bool = False) -> Located | None:
        tokens = self._tokens[passage]
        if inexact:  # articles are in nobody's way then
            tokens = [token for token in tokens if token.text not in ARTICLES]
            parts = [[word for word in part if word not in ARTICLES] for part in parts]
        texts = [token.text for token in tokens]
        first = last = after = 0
        for k, part in enumerate(parts):
            places = near_starts(texts, part) if inexact else starts(texts, part)
            start = next((n for n in places if n >= after and self._proves(passage, tokens[n : n + len(part)])), None)
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
        weight = sum(0.5 if re.match(f"[{ALONE}]", token.text) else 1.0 for token in tokens)
        if weight >= FEWEST_WORDS:
            return True
        row = sum(token.span == tokens[0].span for token in self._tokens[passage])
        return weight >= FEWEST_WHOLE and len(tokens) == row and tokens[0].span == tokens[-1].span


def as_shown(span: Span, kind: DocumentKind) -> str:
    """What a reader sees of a span: only notes have markup."""
    return " ".join(span.text.split()) if kind == "paper" else plain(span.text)
