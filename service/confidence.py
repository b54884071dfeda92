"""How sure an answer may be: whether a passage that was found answers the question, or only lies near it.

Near misses share most words with the question, so that no similarity alone tells them apart. What tells more is how
much was met, and what a reader would stumble over: a name that is missing, another number, a negation. Each sign counts
one way only. Their weights are fitted by `python -m tests.bench.confidence`; docs/CONFIDENCE.md says to what, and how
far they can be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np

from indexer.types import Matrix
from service.retrieve import Met, Reading
from service.types import Hit, Verdict
from service.wording import Asked, asked, contradiction, defines, has_numbers, missing_names

READ = 3
"""So many of the best passages are read: the one that answers is seldom further down."""

BESIDE = slice(5, 20)
"""The hits that an answer is compared with: near the question, but behind what may answer it."""

FEWEST_BESIDE = 5
USUAL_BESIDE = 0.35
"""In a library with few passages, so many more are taken to have this cosine to the question."""

LEAST_EVIDENCE, MOST_EVIDENCE = 1.0, 4.0
"""A short question about what the library is full of has little to meet, and none more than so much, whatever is pasted
into it."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for it that a passage answers a question, and what against it.

    `met` is how well the passage meets the words of the question: the mean of their best cosines, by rarity; `sentence`
    the same for the best of its sentences, over the words that carry meaning. `evidence` is how much that is in sum,
    from LEAST_EVIDENCE to MOST_EVIDENCE: many rare words that are met are less likely to be chance than few. `distinct`
    is the cosine of the passage to the question less that of passages further down.

    `lacks` is how rare the rarest name of the question is that the passage and its headings do not have, 1 for one that
    the library does not have at all or a number, 0 when they have all. `contradicts` is the share of the question's
    words that the best sentence has, when it differs in what matters: a negation, the opposite of a word, another
    number or name. `defines` is 1 when the question asks what something is and the passage says so or stands under its
    name, -1 when it does not, as no table, caption or code does.
    """

    met: float
    sentence: float
    evidence: float
    distinct: float
    lacks: float
    contradicts: float
    defines: float


AGAINST = frozenset({"lacks", "contradicts"})
"""Signs that may only speak against an answer; the others may only speak for it."""

WEIGHTS = Signs(
    met=3.50,
    sentence=0.74,
    evidence=0.77,
    distinct=1.89,
    lacks=-1.70,
    contradicts=-1.70,
    defines=0.85,
)
BIAS = -3.63
SUPPORTED = 0.77

PARTIAL = 0.5
"""From here on it is more likely than not that the library answers."""

IN_PART = math.log(SUPPORTED / (1 - SUPPORTED)) - 0.01
"""The highest log-odds of what answers only a part: not enough to be called supported."""

_values = attrgetter(*(field.name for field in fields(Signs)))
_WEIGHTS: tuple[float, ...] = _values(WEIGHTS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A hit that may answer: which of its spans may be said, and how its words meet those of the question."""

    hit: Hit
    spans: tuple[int, ...]
    reading: Reading


def odds_of(candidates: Sequence[Candidate], hits: Sequence[Hit]) -> list[float]:
    """The logarithm of the odds that each candidate answers, in the form of the question that it suits best.

    `candidates` are the passages that may answer, best first; `hits` is everything that was found. What answers one of
    several things that are asked answers in part.
    """
    signs = iter(read_signs(candidates, hits))
    return [
        max(log_odds(next(signs)) if met.whole else min(log_odds(next(signs)), IN_PART) for met in one.reading.met)
        for one in candidates
    ]


def probability(odds: Sequence[float]) -> float:
    """The probability that the library answers, when two of three questions are answered at all.

    It is that of the best of the first READ candidates, whose `odds` are given in the order of the search.
    """
    return 1 / (1 + math.exp(-max(odds[:READ]))) if odds else 0.0


def verdict_of(value: float) -> Verdict:
    """The verdict for a confidence: from PARTIAL on the library more likely answers than not."""
    return "supported" if value >= SUPPORTED else "partial" if value >= PARTIAL else "unsupported"


def log_odds(signs: Signs) -> float:
    """The logarithm of the odds that a passage with these signs answers."""
    odds: float = sum(weight * sign for weight, sign in zip(_WEIGHTS, _values(signs), strict=True))
    return BIAS + odds


def read_signs(candidates: Sequence[Candidate], hits: Sequence[Hit]) -> list[Signs]:
    """The signs of each candidate in every form of the question."""
    beside = [hit.dense for hit in hits[BESIDE]]
    missing = max(FEWEST_BESIDE - len(beside), 0)
    usual = (sum(beside) + missing * USUAL_BESIDE) / (len(beside) + missing)
    words = {met.text: _words(asked(met.text), met) for one in candidates[:1] for met in one.reading.met}
    return [signs for one in candidates for signs in _signs(one, words, usual)]


def _signs(candidate: Candidate, weighed: Mapping[str, tuple[Matrix, Matrix]], beside: float) -> Iterator[Signs]:
    """The signs of a candidate in each form of the question."""
    hit, rows = candidate.hit, list(candidate.spans)
    best = rows[int(candidate.reading.scores[rows].argmax())]
    sentence, context = hit.passage.spans[best].text, f"{hit.document.title}\n{hit.passage.context}"
    text = f"{hit.document.title}\n{hit.passage.embedded_text}"
    for met in candidate.reading.met:
        question = asked(met.text)
        words, shares = weighed[met.text]
        in_spans, in_passage = met.spans[rows] @ words.T, words @ met.passage
        evidence = float(shares @ np.maximum(in_passage, 0))
        yield Signs(
            met=float(met.passage @ met.rarity) / max(float(met.rarity.sum()), 1e-9),
            sentence=float((in_spans @ shares).max()) / max(float(shares.sum()), 1e-9),
            evidence=min(max(evidence, LEAST_EVIDENCE), MOST_EVIDENCE),
            distinct=hit.dense - beside,
            lacks=_lacks(text, question, met),
            contradicts=contradiction(sentence, question, context=context),
            defines=_defines(hit, question.subject),
        )


def _lacks(text: str, question: Asked, met: Met) -> float:
    if not has_numbers(text, question):
        return 1.0
    rarity = [0.0]
    for name in missing_names(text, question):
        own = [
            float(rare)
            for (start, _), rare in zip(met.offsets, met.rarity, strict=True)
            if name.start <= start < name.end
        ]
        rarity.append(max(own, default=1.0))
    return max(rarity)


def _words(question: Asked, met: Met) -> tuple[Matrix, Matrix]:
    """What makes words of tokens, (words, tokens), rows that sum to 1; and how rare each word is.

    A word that the question repeats is one.
    """
    words = {word.text.lower(): word for word in reversed(question.words)}
    starts = np.array([start for start, _ in met.offsets])
    inside = np.zeros((len(words), len(starts)), dtype=bool)
    for row, word in zip(inside, words.values(), strict=True):
        row[:] = (word.start <= starts) & (starts < word.end)
    inside = inside[inside.any(axis=1)]
    means = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    return means.astype(np.float32), (means @ met.rarity).astype(np.float32)


def _defines(hit: Hit, subject: str) -> float:
    if not subject:
        return 0.0
    if hit.passage.kind in ("caption", "code", "table"):
        return -1.0
    heading = hit.passage.headings[-1] if hit.passage.headings else hit.document.title
    return 1.0 if defines(hit.passage.text, heading, subject) else -1.0
