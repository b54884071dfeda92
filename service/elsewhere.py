"""Papers that may answer what the library does not: looked for on arXiv, when a person asks for that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.errors import FetchError, QuestionError
from indexer.plain import plain
from indexer.settings import PaperSettings
from indexer.spans import paper_spans
from indexer.types import Block, Encoder
from service.vocabulary import STOP_WORDS

if TYPE_CHECKING:
    from indexer.metadata import PaperMetadata

MOST_WORDS = 8
"""So many words of a question are looked for, the first ones: more are seldom all met."""

FOUND_AT_ONCE = 40
"""So many papers are asked for, for the encoder to choose from."""

FEW = 3
"""Where fewer than these have all of the words, those that have some are looked for as well."""

SEARCH_SECONDS = 30.0
"""The longest time for one search, all tries and pauses included: somebody waits."""

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"(?<=\w)['’](?:s|re|ve|ll|d|m)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<!\S)\S+://\S+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A paper that may answer a question.

    `score` is the cosine of the question with its title and abstract, `sentence` the one of the abstract nearest to the
    question.
    """

    paper: PaperMetadata
    score: float
    sentence: str


def words_of(question: str) -> tuple[str, ...]:
    """The words of a question that are looked for: all that leaves this machine. Empty where none means anything."""
    text = _POSSESSIVE.sub("", _ADDRESS.sub(" ", plain(question)))
    words = (word.casefold() for word in _WORD.findall(text))
    telling = (word for word in words if word not in STOP_WORDS and (len(word) > 1 or not word.isascii()))
    return tuple(dict.fromkeys(telling))[:MOST_WORDS]


def query(words: Iterable[str], join: str) -> str:
    """Write words as a query in arXiv's language, joined by AND or OR; what has a hyphen is looked for as a phrase."""
    terms = (" ".join(_PART.findall(word)) for word in words)
    return f" {join} ".join(f'all:"{term}"' if " " in term else f"all:{term}" for term in terms)


def look(words: Sequence[str], settings: PaperSettings) -> list[PaperMetadata]:
    """Ask arXiv for papers with these words: those that have all of them, and where these are few, with some.

    Raises QuestionError without words, and FetchError, which says what to do.
    """
    if not words:
        raise QuestionError("no word of this question can be looked for; write what it is about")
    from indexer.fetch import Fetcher, pace_of_process
    from indexer.metadata import search

    pace = pace_of_process(settings.interval)
    try:
        with Fetcher(settings, total_seconds=SEARCH_SECONDS, pace=pace) as fetcher:
            found = search(query(words, "AND"), fetcher, FOUND_AT_ONCE)
            if len(found) < FEW and len(words) > 1:
                found += search(query(words, "OR"), fetcher, FOUND_AT_ONCE)
    except FetchError as error:
        raise FetchError(f"{error}; look whether the network is there, then search again", again=error.again) from error
    return list({one.identifier: one for one in found if not one.withdrawn}.values())


def rank(question: str, found: Sequence[PaperMetadata], encoder: Encoder, most: int) -> list[Candidate]:
    """The `most` papers whose title and abstract are nearest to a question, the nearest first."""
    if not found:
        return []
    (asked,) = encoder.begin_queries([plain(question)])()
    scores = encoder.encode([f"{paper.title}\n{paper.abstract}" for paper in found]).vectors @ asked.vector
    best = sorted(zip(scores.tolist(), found, strict=True), key=lambda one: -one[0])[:most]
    sentences = [_sentences(paper.abstract) for _, paper in best]
    nearness = iter((encoder.encode([text for texts in sentences for text in texts]).vectors @ asked.vector).tolist())
    return [
        Candidate(paper, round(score, 3), max(((next(nearness), text) for text in texts), default=(0.0, ""))[1])
        for (score, paper), texts in zip(best, sentences, strict=True)
    ]


def _sentences(abstract: str) -> list[str]:
    return [span.text for span in paper_spans(Block("paragraph", abstract, (1, 1)), 1)]
