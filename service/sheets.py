"""A PDF as a page of the browser shows it: its pages, each with the words that are marked and with its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from indexer.errors import SourceError
from indexer.records import StoredDocument
from indexer.types import Lines, Passage, Span, pages_of
from service.drawings import Drawings

Mark = tuple[float, float, float, float]
"""Left, top, width and height, in points from the upper left corner of the page as it is shown."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of the text of a page: its spans, each with whether it is cited, under a heading where one begins.

    `rows` says that each span is a line of its own, as in tables.
    """

    heading: str | None
    spans: tuple[tuple[str, bool], ...]
    rows: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page: its size in points, what is marked on it, and its text. `trouble` says why it has no picture."""

    number: int
    width: int
    height: int
    marks: tuple[Mark, ...]
    text: tuple[Paragraph, ...]
    trouble: str | None = None


def cited_spans(passages: Iterable[Passage], sentences: Lines | None, page: int | None) -> list[Span]:
    """The sentences of a paper by their numbers; none where the first is not on `page`, because they are others now."""
    if sentences is None:
        return []
    first, last = sentences
    found = [span for passage in passages for span in passage.spans if first <= span.lines[0] <= last]
    pages = pages_of(found)
    return found if page is None or (pages and pages[0] == page) else []


def sheets(
    document: StoredDocument, drawings: Drawings, passages: Sequence[Passage], cited: Sequence[Span], page: int
) -> list[Sheet]:
    """The page of a PDF, and the one after it where the words that are cited go on there."""
    goes_on = page < document.pages and any(box.page == page + 1 for span in cited for box in span.boxes)
    return [_sheet(document, drawings, passages, cited, n) for n in ([page, page + 1] if goes_on else [page])]


def _sheet(
    document: StoredDocument, drawings: Drawings, passages: Sequence[Passage], cited: Sequence[Span], page: int
) -> Sheet:
    text = tuple(text_of(passages, cited, page))
    try:
        drawings.digest(document)
        geometry = drawings.geometry(document, page)
    except SourceError as error:
        return Sheet(page, 0, 0, (), text, trouble=str(error))
    places = (geometry.place(box) for span in cited for box in span.boxes if box.page == page)
    marks = tuple(
        (left * geometry.width, top * geometry.height, width * geometry.width, height * geometry.height)
        for left, top, width, height in places
    )
    return Sheet(page, round(geometry.width), round(geometry.height), marks, text)


def text_of(passages: Iterable[Passage], cited: Sequence[Span], page: int | None) -> Iterator[Paragraph]:
    """The text of a page, or of all that stands on none, in reading order."""
    marked = {span.lines for span in cited}
    above: tuple[str, ...] = ()
    for passage in passages:
        spans = tuple((span.text, span.lines in marked) for span in passage.spans if _stands_on(span, page))
        if spans:
            begins = passage.headings != above and passage.headings
            yield Paragraph(passage.headings[-1] if begins else None, spans, passage.kind in ("table", "code"))
            above = passage.headings


def _stands_on(span: Span, page: int | None) -> bool:
    return any(box.page == page for box in span.boxes) if page else not span.boxes


def sections(passages: Iterable[Passage]) -> list[tuple[str, int, int]]:
    """The sections of a paper: heading, how deep it is (from 1), and the page that its text begins on."""
    found: dict[tuple[str, ...], int] = {}
    for passage in passages:
        for depth in range(1, len(passage.headings) + 1):
            if passage.pages:
                found.setdefault(passage.headings[:depth], passage.pages[0])
    return [(path[-1], len(path), page) for path, page in found.items()]
