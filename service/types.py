"""What a question turns into: hits, citations, an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from indexer.records import StoredDocument
from indexer.types import Box, DocumentKind, Lines, Passage, Question

if TYPE_CHECKING:
    from service.answer import Place

Verdict: TypeAlias = Literal["supported", "partial", "unsupported"]
Changed: TypeAlias = Literal["new", "answered", "same"]
WriterName: TypeAlias = Literal["extractive", "chat"]
Relation: TypeAlias = Literal["paper of this note", "your note on this paper"]

MAX_QUESTION_CHARS = 10_000
"""Questions longer than this are refused; the encoder reads far less."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, and where it stands.

    `passage_id` is its number in the catalogue. `dense` is the cosine to the question, `lexical` the BM25 score divided
    by the best one of this search, `tokens` how well each word of the question is matched in the passage (mean of the
    best cosines), `score` what they were fused to, with what a re-ranker makes of it where one is set. Each is a
    similarity: higher is better.
    """

    passage_id: int
    document: StoredDocument
    passage: Passage
    score: float
    dense: float
    lexical: float
    tokens: float


@dataclass(frozen=True, slots=True)
class Related:
    """What belongs to a cited place: the library's paper that a note names, or the note that names a paper.

    `file` is the path of what lies where a person put it, `lines` is where the note names the paper, `paper` is the id
    on arXiv, `link` its page.
    """

    relation: Relation
    title: str
    file: str | None
    lines: Lines | None
    paper: str | None
    link: str


@dataclass(frozen=True, slots=True)
class Why:
    """Why a passage was found.

    `words` are those of the question that stand in it, its headings or its title, as they are written there; `missing`
    are those that mean something and do not stand there in any form. `closeness` is how near it is in meaning, from 0
    to 1: the cosine of its vector to that of the question.
    """

    words: tuple[str, ...]
    missing: tuple[str, ...]
    closeness: float


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact place that a sentence comes from.

    In a note, `quote` occurs verbatim, white space folded, in `lines`. In a PDF, it stands in `boxes`; `pages` are
    those of the quote where an answer rests on it, else those of the whole passage. Of a paper without its PDF there is
    the abstract, which has no pages. `why` is None where there was no question to compare with.
    """

    n: int
    kind: DocumentKind
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
    related: tuple[Related, ...] = ()
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that the answer says, with the numbers of the citations under it.

    It is verbatim where the answer is extractive; a chat model says it in its own words, and rests it on the quotes.
    """

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the library says to a question. `confidence` is between 0 and 1, `took_ms` in milliseconds.

    `writer` chose the words. `notice` says why it is not the one that was asked for, if so.
    """

    question: str
    verdict: Verdict
    confidence: float
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    took_ms: float
    writer: WriterName = "extractive"
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer starts from: the extractive answer, and the passages that it cites, best first.

    Each of the `sources` has what lies now where it was found. `k` is how many citations an answer may have. `took_ms`
    counts since the question came.
    """

    answer: Answer
    k: int
    sources: tuple[tuple[Hit, Place], ...]
    took_ms: Callable[[], float]


class Writer(Protocol):
    """Words an answer from what was found."""

    def write(self, draft: Draft) -> Iterator[Answer]:
        """Yield the answer as far as it is written, again and again, each in place of the one before; at last, whole.

        Verdict and confidence are those of the draft. No sentence rests on less than a citation whose quote stands
        verbatim where it says; where nothing of that kind can be written, the answer is the draft's.
        """
        ...


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The passages nearest to a query, as citations of their whole text. `took_ms` is in milliseconds."""

    query: str
    hits: tuple[Citation, ...]
    took_ms: float


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """An item of a question dump with what the library says to it; None where it needs no answer.

    `changed` compares with the last time that the dump was shown to the person: an item not seen then is new, one that
    has an answer now and had none then is answered. `before` is the verdict that was shown then, None where there was
    none.
    """

    question: Question
    root: str
    file: str
    document_id: int
    answer: Answer | None
    changed: Changed
    before: Verdict | None = None
