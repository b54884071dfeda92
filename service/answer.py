"""Hits → answer: the sentences that answer, verbatim, each with its citation; or that nothing does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, zip_longest
from typing import TypeAlias

import numpy as np

from indexer.plain import plain
from indexer.questions import asks
from indexer.types import PassageKind, Span, pages_of
from service import wording
from service.addresses import address_of_lines, address_of_sentences
from service.confidence import SUPPORTED, Candidate, odds_of, probability, verdict_of
from service.forms import without_aside
from service.retrieve import Reading
from service.types import Answer, Citation, Hit, Related, Sentence
from service.words import say_the_same

NOTHING = "Nothing in the library answers this."

READ_MOST = 6
"""So many of the best hits are read word by word."""

PASSAGES = 3
"""An answer rests on at most so many passages, a partial one on one …"""

SENTENCES = 4
"""… and says at most so many sentences."""

JOINED_LINES = 8
"""Neighbours among the further citations are shown as one up to so many lines of a note, or sentences of a paper."""

SECTION_MOST = 3
"""After so many citations of one section another place has its turn."""

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

PARTICULARS = 0.3
"""A row of a table is so much nearer for having all the names and numbers of the question."""

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_LINK = r"^(?:[\w-]+:)?\W*\[[^\[\]]*\]\([^()\s]+\)\W*$"
_ONLY_LINK = re.compile(_LINK)
_WANTS_LINK = re.compile(
    r"\b(?:articles?|blogs?|books?|links?|papers?|posts?|publications?|references?|videos?|where|which|who)\b",
    re.IGNORECASE,
)
"""What asks for something that a link may be: the paper which introduced it."""

_EMBEDDED = "![["
_NO_STATEMENT = re.compile(rf"[\W_]*$|(?:`{{3}}|~{{3}}|#\+(?:begin|end)_)|\[![\w-]+\]|{_LINK}", re.IGNORECASE)
"""A line without words, the frame of a block, the title of a callout, only a link."""

_LEANS = re.compile(
    r"(?:But|Conversely|Hence|However|In contrast|Instead|It|Its|Otherwise|So|Such|That|Their|Then|Therefore|These|"
    r"They|This|Those|Thus|To (?:do so|this end))\b"
)
"""How a sentence begins that leans on the one before it."""

_NUMBER = re.compile(r"(?<![\w.-])\d+(?:[.,]\d+)*\b")
_TAGS = re.compile(r"(?:#[^\s#]+\s*)+")
_FOLD = re.compile(r"[\W_]+")

HitReader: TypeAlias = Callable[[Sequence[Hit]], list[Reading]]
"""Compares hits with the question word by word."""


@dataclass(frozen=True, slots=True)
class Place:
    """What lies now where a passage was found.

    `lines` reads those of a note's file: None when it cannot be read, or no longer has the passage. `stale` says that
    the file changed since it was indexed, `related` is what belongs to the place.
    """

    lines: Callable[[], Sequence[str] | None]
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
    read_hits: HitReader,
    reading: float,
    place: Callable[[Hit], Place],
    took_ms: Callable[[], float],
) -> Answer:
    """Answer a question from its hits, with at most `k` citations.

    `asked` are the lines (document, line) that ask or remind and state nothing: they are never evidence. `read_hits`
    compares hits with the question, and `reading` is how much the odds that each answers count beside the score that it
    was found with. `place` reads where a hit lies.
    """
    judged: dict[int, bool] = {}

    def says(hit: Hit) -> bool:
        if hit.passage_id not in judged:
            judged[hit.passage_id] = says_something(hit, question, asked)
        return judged[hit.passage_id]

    candidates = candidates_of(_worth_reading(hits, says), asked, read_hits)
    odds = odds_of(candidates, hits)
    confidence = probability(odds)
    verdict = verdict_of(confidence)
    ranked = sorted(zip(candidates, odds, strict=True), key=lambda one: -(one[0].hit.score + reading * one[1]))
    evidence = (
        [] if verdict == "unsupported" else _evidence(question, ranked, PASSAGES if verdict == "supported" else 1)
    )
    resting = {item.hit.passage_id for item in evidence}
    order = {candidate.hit.passage_id: n for n, (candidate, _) in enumerate(ranked)}
    further = sorted(
        (hit for hit in hits if hit.passage_id not in resting), key=lambda hit: order.get(hit.passage_id, len(order))
    )
    wanted = says if any(judged.values()) else _is_reference
    rest = neighbours_joined(further, k - len(evidence), wanted, cited=(item.hit for item in evidence))
    citations, sentences = [], list[Sentence]()
    for n, item in enumerate((evidence + [_nearest(question, hit, asked) for hit in rest])[:k], start=1):
        said = n <= len(evidence)
        citations.append(cite(n, item, place(item.hit), said=said))
        for span in item.spans if said else ():
            _say(sentences, span.text, n)
    return Answer(
        question=question,
        verdict=verdict,
        confidence=round(confidence, 4),
        sentences=tuple(sentences) or (Sentence(NOTHING, ()),),
        citations=tuple(citations),
        took_ms=took_ms(),
    )


def _worth_reading(hits: Sequence[Hit], says: Callable[[Hit], bool]) -> list[Hit]:
    """The best hits that say something, and the best of the papers if all of these are notes, or the reverse."""
    saying = filter(says, hits)
    best = list(islice(saying, READ_MOST))
    kinds = {hit.document.kind for hit in best}
    if len(kinds) == 1 and any(hit.document.kind not in kinds for hit in hits):
        best += islice((hit for hit in saying if hit.document.kind not in kinds), 1)
    return best


def _say(sentences: list[Sentence], text: str, n: int) -> None:
    """Add what a citation says: a sentence, or one more citation of the sentence that says the same."""
    for k, sentence in enumerate(sentences):
        if say_the_same(sentence.text, text):
            sentences[k] = replace(sentence, citations=tuple(dict.fromkeys((*sentence.citations, n))))
            return
    sentences.append(Sentence(text, (n,)))


def says_something(hit: Hit, question: str, asked: Collection[tuple[int, int]]) -> bool:
    """Whether a hit could answer: no heading, link or reference, nothing that asks, and not this question itself."""
    passage = hit.passage
    if (
        passage.kind in ("heading", "reference")
        or _TAGS.fullmatch(passage.text)
        or len(passage.text.split()) < FEWEST_WORDS
    ):
        return False
    if _ADDRESS.search(passage.text) and all(_points(line) for line in passage.text.split("\n")):
        return False
    if all(_ONLY_LINK.match(span.text) for span in passage.spans) and not _WANTS_LINK.search(question):
        return False
    if all((hit.document.id, span.lines[0]) in asked or _asks(hit, span) for span in passage.spans):
        return False
    wanted, bare, is_question, most_words = _as_asked(question)
    if len(passage.text.split()) > most_words:
        return True
    text = _folded(passage.text)
    if wanted == text or bare == _folded(without_aside(passage.text)):
        return False
    return not (passage.kind != "question" and is_question and wanted in text)


@lru_cache(maxsize=16)
def _as_asked(question: str) -> tuple[str, str, bool, int]:
    """The letters of a question, with and without asides, whether it asks, and the most words of what repeats it."""
    words = plain(question)
    return _folded(words), _folded(without_aside(words)), asks(words), 2 * len(words.split()) + 6


def _asks(hit: Hit, span: Span) -> bool:
    """Whether a span asks: in a paper, where sentences are whole, only one that ends in a question mark."""
    return span.text.rstrip().endswith("?") if hit.document.kind == "paper" else asks(plain(span.text))


def _points(line: str) -> bool:
    return len(_ADDRESS.sub("", line).lstrip("- ").split()) < WORDS_BESIDE


def candidates_of(hits: Sequence[Hit], asked: Collection[tuple[int, int]], read_hits: HitReader) -> list[Candidate]:
    """The hits that were found for something that may be said, and not for a question that stands beside it."""
    candidates = []
    for hit, reading in zip(hits, read_hits(hits), strict=True):
        saying = _answering(hit, asked)
        spans = tuple(k for k, span in enumerate(hit.passage.spans) if span in saying)
        best = reading.scores[list(spans)].max()
        if hit.passage.kind == "question" or best >= reading.scores.max() - BESIDE:
            candidates.append(Candidate(hit, spans, reading))
    return candidates


def _evidence(question: str, ranked: Sequence[tuple[Candidate, float]], passages: int) -> list[Evidence]:
    """The best passages, from different places, each with the spans that answer.

    A further one takes part when it was found as well as the best one, or is likely to answer and of the other kind:
    note and paper are both shown. One that says what is said already is only another place of it.
    """
    evidence: list[Evidence] = []
    said: list[str] = []
    saying, nearest = 0, -1.0
    for candidate, odds in ranked:
        hit, room = candidate.hit, SENTENCES - len(said)
        other_kind = bool(evidence) and all(item.hit.document.kind != hit.document.kind for item in evidence)
        if hit.score < NEAR * ranked[0][0].hit.score and not (other_kind and probability([odds]) >= SUPPORTED):
            continue
        spans = _best_spans(question, candidate, -1.0 if other_kind else nearest - NEAR_SPAN)
        nearest = max(nearest, float(candidate.reading.scores[list(candidate.spans)].max()))
        news = [span for span in spans if not any(say_the_same(text, span.text) for text in said)]
        if news and (saying == passages or not room):
            continue
        if spans:
            chosen = spans[:room] if news else spans
            evidence.append(Evidence(hit, tuple(chosen)))
            said += [span.text for span in news[:room]]
            saying += bool(news)
    return evidence


def _best_spans(question: str, candidate: Candidate, least: float) -> list[Span]:
    """The spans of a candidate that answer, with what it takes to read them; none when none scores `least`.

    Of a question and its answer the whole answer, and the question too when the answer says nothing without it. Of a
    table the rows that have what the question names.
    """
    spans, kind = candidate.hit.passage.spans, candidate.hit.passage.kind
    row = [spans[k] for k in candidate.spans]
    scores = candidate.reading.scores[list(candidate.spans)]
    if kind == "table":
        named = [wording.particulars(span.text, wording.asked(question)) for span in row]
        scores = scores + PARTICULARS * np.array(named, dtype=np.float32)
    order = [int(k) for k in np.argsort(-scores)[:2] if scores[k] >= least and scores[k] >= scores.max() - NEAR_SPAN]
    if kind != "question" or not order:
        return _whole(row, order, kind)
    short = sum(len(span.text.split()) for span in row) < PHRASE_WORDS
    return [spans[0], *row] if short and spans[0] not in row and not say_the_same(question, spans[0].text) else row


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
    """Whether the first row of a table only says what the columns are: it has no number, and the next one has two."""
    return len(row) > 1 and not _NUMBER.search(row[0].text) and len(_NUMBER.findall(row[1].text)) > 1


def neighbours_joined(
    hits: Iterable[Hit], most: int, wanted: Callable[[Hit], bool], *, cited: Iterable[Hit] = ()
) -> list[Hit]:
    """The first `most` of the hits that are wanted, where those that follow one another in a section are one.

    So others have room beside them. They are joined up to JOINED_LINES; a joined hit stands where the best of its parts
    stood, with that one's score. After each SECTION_MOST citations of one section, those of `cited` counted, another
    place has its turn before the next. Only what may be shown is asked about, because `wanted` reads it.
    """
    joined: list[Hit] = []
    waiting: list[Hit] = []
    counts = Counter(map(_section, cited))
    for hit in hits:
        others = ((k, other) for k, other in enumerate(joined) if other.document.id == hit.document.id)
        beside = next(((k, both) for k, other in others if (both := _joined(other, hit)) is not None), None)
        if (beside is None and len(joined) >= most) or not wanted(hit):
            continue
        if beside is not None:
            joined[beside[0]] = beside[1]
        elif counts[_section(hit)] >= SECTION_MOST:
            waiting.append(hit)
        else:
            joined.append(hit)
            counts[_section(hit)] += 1
            if waiting and len(joined) < most:
                joined.append(waiting.pop(0))
    return joined + waiting[: most - len(joined)]


def _section(hit: Hit) -> tuple[int, tuple[str, ...]]:
    return hit.document.id, hit.passage.headings


def _joined(best: Hit, other: Hit) -> Hit | None:
    """Two hits of a document as one, when they lie side by side in one section and stay short."""
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

    Not the question of a question and answer, no open question, and nothing that only shows what another note says. In
    the prose of a paper no heading, no formula and nothing that only announces one.
    """
    spans = [span for span in hit.passage.spans if (hit.document.id, span.lines[0]) not in asked]
    if hit.passage.kind == "question" and len(spans) > 1 and spans[0].lines[0] == hit.passage.lines[0]:
        spans = spans[1:]
    saying = [span for span in spans if not _says_nothing(span.text)]
    if hit.document.kind == "paper" and hit.passage.kind == "text":
        whole = [span for span in saying if len(span.text.split()) >= PHRASE_WORDS]
        following = zip_longest(spans, spans[1:])
        announcing = [span for span, after in following if span and span.text.endswith(":") and after not in whole]
        saying = [span for span in whole if span not in announcing] or saying
    return saying or spans or list(hit.passage.spans)


def _says_nothing(text: str) -> bool:
    """Whether a span is a question, an embedded note, or no statement."""
    return _EMBEDDED in text or text.rstrip().endswith("?") or bool(_NO_STATEMENT.match(text))


def _nearest(question: str, hit: Hit, asked: Collection[tuple[int, int]]) -> Evidence:
    """For a citation that nothing rests on: the span that shares most words with the question."""
    spans = _answering(hit, asked)
    if len(spans) == 1:
        return Evidence(hit, (spans[0],))
    words = set(_FOLD.split(question.lower()))
    return Evidence(hit, (max(spans, key=lambda span: len(words.intersection(_FOLD.split(span.text.lower())))),))


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


def quote(spans: Sequence[Span], read_lines: Callable[[], Sequence[str] | None]) -> str:
    """The text from the first span to the last as it stands in the file, white space folded.

    One span is its own quote: the file is not read for it. Without the file's lines only the first span can be vouched
    for.
    """
    if len(spans) > 1 and (lines := read_lines()) is not None:
        text = " ".join(" ".join(lines[spans[0].lines[0] - 1 : spans[-1].lines[1]]).split())
        first, last = (" ".join(span.text.split()) for span in (spans[0], spans[-1]))
        start, end = text.find(first), text.rfind(last)
        if 0 <= start <= end:
            return text[start : end + len(last)]
    return spans[0].text


def _folded(text: str) -> str:
    return _FOLD.sub("", text.lower())
