"""Hits → answer: the sentences that answer, verbatim, each with its citation; or that nothing does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.plain import plain
from indexer.questions import asks
from indexer.types import PassageKind, Span, pages_of
from service.addresses import address_of_lines, address_of_sentences
from service.types import Answer, Citation, Hit, Related, Sentence, Verdict

NOTHING = "Nothing in the library answers this."

PASSAGES = 3
"""An answer rests on at most so many passages …"""

SENTENCES = 4
"""… and says at most so many sentences."""

JOINED_LINES = 8
"""Neighbours among the further citations are shown as one up to so many lines of a note, or sentences of a paper."""

NEAR = 0.95
"""A further passage takes part when its score is at least this share of the best one's."""

FEWEST_WORDS = 2
"""A single word states nothing."""

PHRASE_WORDS = 4
"""In the prose of a paper, fewer words are a heading that runs into its paragraph, or a piece of a formula."""

WORDS_BESIDE = 4
"""An address with fewer words beside it only points to what is said elsewhere."""

BESIDE = 0.2
"""A passage whose questions are so much nearer than what it states does not answer."""

NEAR_SPAN = 0.05
"""A further sentence is said when its words meet those of the question at most so much less than the best one's."""

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_SAYS_NOTHING = re.compile(r"\?\s*$|!\[\[|^[\W_]*$|^(?:`{3}|~{3}|#\+(?:begin|end)_)", re.IGNORECASE)
"""A question, an embedded note, a line without words, the frame of a block."""

_LEANS = re.compile(
    r"(?:But|Conversely|Hence|However|In contrast|Instead|It|Its|Otherwise|So|Such|That|Their|Then|Therefore|These|"
    r"They|This|Those|Thus|To (?:do so|this end))\b"
)
"""How a sentence begins that leans on the one before it."""

_NUMBER = re.compile(r"(?<![\w.-])\d+(?:[.,]\d+)*\b")
_TAGS = re.compile(r"(?:#[^\s#]+\s*)+")
_FOLD = re.compile(r"[\W_]+")

SpanScorer: TypeAlias = Callable[[Sequence[Hit]], list[NDArray[np.float32]]]
"""For each hit, how near each of its spans is to the question."""


@dataclass(frozen=True, slots=True)
class Place:
    """What lies now where a passage was found.

    `lines` are those of a note's file, None when it cannot be read or has changed since it was indexed: then it is
    `stale`. `related` is what belongs to the place.
    """

    lines: Sequence[str] | None
    stale: bool
    related: tuple[Related, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The spans of a hit that answer, in reading order."""

    hit: Hit
    spans: tuple[Span, ...]


def compose(
    question: str,
    hits: Sequence[Hit],
    *,
    k: int,
    asked: Collection[tuple[int, int]],
    score_spans: SpanScorer,
    place: Callable[[Hit], Place],
    took_ms: Callable[[], float],
) -> Answer:
    """Answer a question from its hits, with at most `k` citations.

    `asked` are the lines (document, line) that ask or remind and state nothing: they are never evidence. `score_spans`
    says how near each span of some hits is to the question. `place` reads where a hit lies.
    """
    judged: dict[int, bool] = {}

    def says(hit: Hit) -> bool:
        if hit.passage_id not in judged:
            judged[hit.passage_id] = says_something(hit, question, asked)
        return judged[hit.passage_id]

    saying = list(islice(filter(says, hits), 2 * PASSAGES))
    candidates = _candidates(saying, asked, score_spans)
    best = next(candidates, None)
    confidence = sure([best.hit] if best else [])
    verdict = verdict_of(confidence)
    evidence = _evidence(best, candidates) if best and verdict != "unsupported" else []
    resting = {item.hit.passage_id for item in evidence}
    further = [hit for hit in hits if hit.passage_id not in resting]
    rest = neighbours_joined(further, k - len(evidence), says if saying else _is_reference)
    citations, sentences = [], []
    for n, item in enumerate((evidence + [_nearest(question, hit, asked) for hit in rest])[:k], start=1):
        said = n <= len(evidence)
        citations.append(cite(n, item, place(item.hit), said=said))
        if said:
            sentences += [Sentence(span.text, (n,)) for span in item.spans]
    return Answer(
        question=question,
        verdict=verdict,
        confidence=round(confidence, 4),
        sentences=tuple(sentences) or (Sentence(NOTHING, ()),),
        citations=tuple(citations),
        took_ms=took_ms(),
    )


def sure(hits: Sequence[Hit]) -> float:
    """How sure the library is that the best hit answers, between 0 and 1.

    A logistic rule on two similarities of the best hit: the cosine of the passage to the question, and how well its
    words match those of the question. Fitted to questions that notes answer, questions near them that nothing
    answers, and questions about something else; see docs/BENCHMARKS.md for what it is worth.
    """
    if not hits:
        return 0.0
    best = hits[0]
    return 1 / (1 + math.exp(3.3 - 4.2 * best.dense - 3.0 * best.tokens))


def verdict_of(confidence: float) -> Verdict:
    """The verdict for a confidence: supported from 0.6, partial from 0.45, else unsupported."""
    return "supported" if confidence >= 0.6 else "partial" if confidence >= 0.45 else "unsupported"


def says_something(hit: Hit, question: str, asked: Collection[tuple[int, int]]) -> bool:
    """Whether a hit could answer: no heading, address or reference, nothing that asks, and not this question itself."""
    passage = hit.passage
    if (
        passage.kind in ("heading", "reference")
        or _TAGS.fullmatch(passage.text)
        or len(passage.text.split()) < FEWEST_WORDS
    ):
        return False
    if _ADDRESS.search(passage.text) and all(_points(line) for line in passage.text.split("\n")):
        return False
    if all((hit.document.id, span.lines[0]) in asked or _asks(hit, span) for span in passage.spans):
        return False
    words, text = plain(question), passage.text
    short = len(text.split()) <= 2 * len(words.split()) + 6
    return _folded(words) != _folded(text) and not (
        passage.kind != "question" and asks(words) and short and _folded(words) in _folded(text)
    )


def _asks(hit: Hit, span: Span) -> bool:
    """Whether a span asks: in a paper, where sentences are whole, only one that ends in a question mark."""
    return span.text.rstrip().endswith("?") if hit.document.kind == "paper" else asks(plain(span.text))


def _points(line: str) -> bool:
    return len(_ADDRESS.sub("", line).lstrip("- ").split()) < WORDS_BESIDE


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A hit that may answer: its spans that may be said, and how near each is to the question."""

    hit: Hit
    spans: list[Span]
    scores: NDArray[np.float32]


def _candidates(
    hits: Sequence[Hit], asked: Collection[tuple[int, int]], score_spans: SpanScorer
) -> Iterator[_Candidate]:
    """The hits that were found for something that may be said, and not for a question that stands beside it.

    The spans of a hit are scored when it is its turn, and none are when its score is not NEAR that of the first.
    """
    least = -math.inf
    for hit in hits:
        if hit.score < least:
            return
        (scores,) = score_spans([hit])
        spans = _answering(hit, asked)
        score_of = dict(zip(hit.passage.spans, scores, strict=True))
        own = np.array([score_of[span] for span in spans], dtype=np.float32)
        if hit.passage.kind == "question" or own.max() >= scores.max() - BESIDE:
            yield _Candidate(hit, spans, own)
            least = max(least, NEAR * hit.score)


def _evidence(best: _Candidate, others: Iterable[_Candidate]) -> list[Evidence]:
    """The best passages, from different places, each with the spans that answer."""
    evidence: list[Evidence] = []
    seen: set[str] = set()
    said, nearest = 0, -1.0
    for candidate in chain([best], others):
        hit, room = candidate.hit, SENTENCES - said
        folded = _folded(hit.passage.text)
        if folded in seen:
            continue
        seen.add(folded)
        nearest = max(nearest, float(candidate.scores.max()))
        order = [int(k) for k in np.argsort(-candidate.scores)[:2] if candidate.scores[k] >= nearest - NEAR_SPAN]
        if order or not evidence:
            row = candidate.spans
            chosen = row[:room] if hit.passage.kind == "question" else _whole(row, order, hit.passage.kind)[:room]
            said += len(chosen)
            evidence.append(Evidence(hit, tuple(chosen)))
        if len(seen) == PASSAGES or said == SENTENCES:
            break
    return evidence


def _whole(row: Sequence[Span], order: Sequence[int], kind: PassageKind) -> list[Span]:
    """The chosen spans in reading order, with what it takes to read them.

    In prose, what completes a line that was cut, what follows a colon and what a sentence leans on; in a table, its
    first row, which says what the columns are.
    """
    chosen = set(order)
    for k in order if kind == "text" else ():
        end, start = k, _begin(row, k)
        if start > 0 and _LEANS.match(row[start].text):
            start = _begin(row, start - 1)
        while end + 1 < len(row) and (row[end + 1].text[0].islower() or row[end].text.endswith(":")):
            end += 1
        chosen.update(range(start, end + 1))
    if kind == "table" and chosen and _heads(row):
        chosen |= {0, min(chosen - {0}, default=1)}
    return [row[k] for k in sorted(chosen)]


def _begin(row: Sequence[Span], k: int) -> int:
    """Where the sentence begins that a span goes on with, if it was cut."""
    while k > 0 and row[k].text[0].islower():
        k -= 1
    return k


def _heads(row: Sequence[Span]) -> bool:
    """Whether the first row of a table only says what the columns are: it has no number, and the next one has."""
    return len(row) > 1 and not _NUMBER.search(row[0].text) and bool(_NUMBER.search(row[1].text))


def neighbours_joined(hits: Iterable[Hit], most: int, wanted: Callable[[Hit], bool]) -> list[Hit]:
    """The first `most` of the hits that are wanted, where those that follow one another in a section are one.

    So others have room beside them. They are joined up to JOINED_LINES; a joined hit stands where the best of its parts
    stood, with that one's score. Only what may be shown is asked about, because `wanted` reads it.
    """
    joined: list[Hit] = []
    for hit in hits:
        beside = next(((k, both) for k, other in enumerate(joined) if (both := _joined(other, hit)) is not None), None)
        if (beside is None and len(joined) >= most) or not wanted(hit):
            continue
        if beside is None:
            joined.append(hit)
        else:
            joined[beside[0]] = beside[1]
    return joined


def _joined(best: Hit, other: Hit) -> Hit | None:
    """Two hits as one, when they lie side by side in one section and stay short."""
    if best.document.id != other.document.id:
        return None
    before, after = sorted((best.passage, other.passage), key=lambda passage: passage.lines)
    gap = after.lines[0] - before.lines[1]
    if not 1 <= gap <= 2 or after.lines[1] - before.lines[0] >= JOINED_LINES or before.headings != after.headings:
        return None
    passage = replace(
        best.passage,
        text=f"{before.text}\n{after.text}",
        lines=(before.lines[0], after.lines[1]),
        spans=before.spans + after.spans,
    )
    return replace(best, passage=passage)


def _is_reference(hit: Hit) -> bool:
    return hit.passage.kind == "reference"


def _answering(hit: Hit, asked: Collection[tuple[int, int]]) -> list[Span]:
    """The spans of a hit that may be said.

    Not the question of a question and answer, no open question, and nothing that only shows what another note says.
    """
    spans = [span for span in hit.passage.spans if (hit.document.id, span.lines[0]) not in asked]
    if hit.passage.kind == "question" and len(spans) > 1 and spans[0].lines[0] == hit.passage.lines[0]:
        spans = spans[1:]
    saying = [span for span in spans if not _SAYS_NOTHING.search(span.text)]
    if hit.document.kind == "paper" and hit.passage.kind == "text":
        saying = [span for span in saying if len(span.text.split()) >= PHRASE_WORDS] or saying
    return saying or spans or list(hit.passage.spans)


def _nearest(question: str, hit: Hit, asked: Collection[tuple[int, int]]) -> Evidence:
    """For a citation that nothing rests on: the span that shares most words with the question."""
    words = set(_FOLD.split(question.lower()))
    spans = _answering(hit, asked)
    return Evidence(hit, (max(spans, key=lambda span: len(words & set(_FOLD.split(span.text.lower())))),))


def cite(n: int, evidence: Evidence, place: Place, *, said: bool = False) -> Citation:
    """The citation of a hit: its place, and as its quote the spans with what lies between them.

    `said` is evidence that an answer rests on.
    """
    hit, document, passage = evidence.hit, evidence.hit.document, evidence.hit.passage
    if document.kind == "paper":
        quoted = between(evidence.spans, passage.spans)
        text = " ".join(span.text for span in quoted)
        pages, boxes = pages_of(quoted), tuple(box for span in quoted for box in span.boxes)
        sentences = (quoted[0].lines[0], quoted[-1].lines[1])
        link = address_of_sentences(document, sentences, pages[0] if pages else None)
    else:
        text = quote(evidence.spans, place.lines)
        pages, boxes = None, ()
        link = address_of_lines(document, passage.lines)
    return Citation(
        n=n,
        kind=document.kind,
        file=None if document.fetched else document.file,
        paper=document.paper,
        version=document.version,
        title=document.title,
        headings=passage.headings,
        lines=passage.lines if document.kind == "note" else None,
        pages=pages if said else passage.pages,
        boxes=boxes or None,
        quote=text,
        passage=passage.text,
        score=round(hit.score, 4),
        link=link,
        stale=place.stale,
        related=place.related,
    )


def between(spans: Sequence[Span], row: Sequence[Span]) -> Sequence[Span]:
    """The stretch of a row of spans that goes from the first to the last of some of them."""
    return row[row.index(spans[0]) : len(row) - row[::-1].index(spans[-1])]


def quote(spans: Sequence[Span], lines: Sequence[str] | None) -> str:
    """The text from the first span to the last as it stands in the file, white space folded.

    One span is its own quote. Without the file's lines only the first span can be vouched for.
    """
    if len(spans) > 1 and lines is not None:
        text = " ".join(" ".join(lines[spans[0].lines[0] - 1 : spans[-1].lines[1]]).split())
        start = text.find(spans[0].text)
        end = text.rfind(spans[-1].text)
        if 0 <= start <= end:
            return text[start : end + len(spans[-1].text)]
    return spans[0].text


def _folded(text: str) -> str:
    return _FOLD.sub("", text.lower())
