"""What a question turns into: hits, citations, an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from indexer.types import Box, Lines, Passage, Question

Verdict: TypeAlias = Literal["supported", "partial", "unsupported"]
Changed: TypeAlias = Literal["new", "answered", "same"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, and where it stands.

    `passage_id` and `document_id` are numbers in the catalogue. `dense` is the cosine to the question, `lexical` the
    BM25 score divided by the best one of this search, `tokens` how well each word of the question is matched in the
    passage (mean of the best cosines), `score` what they were fused to. Each is a similarity: higher is better.
    """

    passage_id: int
    document_id: int
    kind: Literal["note", "paper"]
    root: str
    file: str | None
    title: str
    passage: Passage
    score: float
    dense: float
    lexical: float
    tokens: float


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact place that a sentence comes from. `quote` occurs verbatim, white space folded, in `lines`."""

    n: int
    kind: Literal["note", "paper"]
    file: str | None
    paper: str | None
    version: str | None
    title: str
    headings: tuple[str, ...]
    lines: Lines | None
    pages: tuple[int, int] | None
    boxes: tuple[Box, ...] | None
    quote: str
    passage: str
    score: float
    link: str
    stale: bool


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that the answer says, verbatim, with the numbers of the citations under it."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the library says to a question. `confidence` is between 0 and 1, `took_ms` in milliseconds."""

    question: str
    verdict: Verdict
    confidence: float
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    took_ms: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The passages nearest to a query, as citations of their whole text. `took_ms` is in milliseconds."""

    query: str
    hits: tuple[Citation, ...]
    took_ms: float


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """An item of a question dump with what the library says to it; None where it needs no answer.

    `changed` compares with the last time that the dump was answered for the person: an item not seen then is
    new, one that has an answer now and had none then is answered.
    """

    question: Question
    root: str
    file: str
    document_id: int
    answer: Answer | None
    changed: Changed
