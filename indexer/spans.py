"""Block → spans: its sentences, rows or lines, verbatim, each with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import sentencex

from indexer.parsing.pasted import HIDDEN, hidden
from indexer.parsing.prepare import MARKER
from indexer.types import Block, Box, Document, Lines, Places, Span

MAX_LINES = 12
"""No span and no passage is longer, in lines of its file: a citation has to be a place, not a page."""

STRETCH_CHARS = 10_000
"""So much text is searched for sentences at once."""

LINE_BREAK = 3.0
"""Where the next character of a paper is so many times its own size away, another line begins."""

_PROSE = frozenset({"paragraph", "item", "footnote"})
_SHOWN = re.compile(f"[^{HIDDEN}]+")


def note_spans(document: Document, block: Block) -> tuple[Span, ...]:
    """The sentences of a block of a note, or its lines where it is no prose; those that say nothing are left out.

    A file that was pasted into the text (`indexer.parsing.pasted`) is in none of them.
    """
    return _sentences(document, block) if block.kind in _PROSE else _rows(document, block.lines)


def _sentences(document: Document, block: Block) -> tuple[Span, ...]:
    """The sentences of a block, verbatim; one may run over several lines."""
    first, last = block.lines
    rows = list(document.source_lines[first - 1 : last])
    if block.kind == "item":
        rows[0] = _unmarked(rows[0]) if len(rows) == 1 else MARKER.sub("", rows[0])
    text = hidden("\n".join(rows))
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row) + 1)
    spans = []
    for begin, stop in _shown_boundaries(text):
        piece = text[begin:stop]
        if not any(char.isalnum() for char in piece):
            continue
        start = begin + len(piece) - len(piece.lstrip())
        end = stop - (len(piece) - len(piece.rstrip()))
        lines = (first + bisect_right(starts, start) - 1, first + bisect_right(starts, end - 1) - 1)
        spans.append(Span(" ".join(piece.split()), lines))
    return tuple(spans)


def _rows(document: Document, lines: Lines) -> tuple[Span, ...]:
    """Each line that says something as a span of its own: for rows, code, quotes."""
    first, last = lines
    rows = hidden("\n".join(document.source_lines[first - 1 : last])).split("\n")
    return tuple(
        Span(text, (n, n))
        for n, row in enumerate(rows, first)
        for piece in _SHOWN.findall(_unmarked(row))
        if (text := piece.strip())
    )


def _unmarked(row: str) -> str:
    """A row without what marks it as an item or a quote; one that is nothing but numbers says these."""
    words = MARKER.sub("", row)
    return row if not words.strip() and any(char.isalnum() for char in row) else words


def paper_spans(block: Block, first: int) -> Iterator[Span]:
    """The sentences of a block of a paper, or its rows, numbered from `first`, with their boxes."""
    if block.kind in ("table", "code"):
        ends = [match.end() for match in re.finditer(r"\n|\Z", block.text)]
        pieces: Iterable[tuple[int, int]] = pairwise((0, *ends))
    else:
        pieces = _boundaries(block.text)
    for begin, stop in pieces:
        text = block.text[begin:stop]
        if any(char.isalnum() for char in text):
            places = block.places[begin:stop] if block.places is not None else None
            yield Span(" ".join(text.split()), (first, first), () if places is None else _boxes(places))
            first += 1


def halves(span: Span) -> tuple[Span, Span]:
    """A span cut near its middle, at a space if it has one."""
    middle = len(span.text) // 2
    place = span.text.rfind(" ", 0, middle + 1)
    place = place if place > 0 else span.text.find(" ", middle)
    place = place if place > 0 else middle
    before, after = _divided(span.boxes, place / max(len(span.text), 1))
    return Span(span.text[:place].strip(), span.lines, before), Span(span.text[place:].strip(), span.lines, after)


def _shown_boundaries(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends in a text of which parts are hidden."""
    for shown in _SHOWN.finditer(text):
        start = shown.start()
        yield from ((start + begin, start + end) for begin, end in _boundaries(shown[0]))


def _boundaries(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of a text begins and ends; what runs over more than MAX_LINES lines is cut at line ends."""
    start = 0
    while start < len(text):  # the splitter takes quadratic time on some texts without sentences
        end = len(text)
        if end - start > STRETCH_CHARS:
            end = start + STRETCH_CHARS
            space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            end = space + 1 if space > start else end
        prose = text[start:end].replace("\n", " ").replace("![", "_[")  # a picture's mark ends no sentence
        for found in sentencex.get_sentence_boundaries("en", prose):
            begin, stop = start + found["start_index"], start + found["end_index"]
            if text.count("\n", begin, stop) < MAX_LINES:
                yield begin, stop
                continue
            for row in text[begin:stop].split("\n"):
                yield begin, begin + len(row)
                begin += len(row) + 1
        start = end


def _boxes(places: Places) -> tuple[Box, ...]:
    """The rectangles around characters, one for each of their lines."""
    rows = places[places[:, 3] > places[:, 1]]  # spaces stand nowhere
    if not len(rows):
        return ()
    sizes = np.maximum(rows[:, 3] - rows[:, 1], rows[:, 4] - rows[:, 2])
    centres = (rows[:, 1:3] + rows[:, 3:5]) / 2
    jumps = np.linalg.norm(np.diff(centres, axis=0), axis=1) > LINE_BREAK * np.maximum(sizes[1:], sizes[:-1])
    starts = [0, *(np.flatnonzero(jumps | (np.diff(rows[:, 0]) != 0)) + 1).tolist()]
    low = np.minimum.reduceat(rows, starts)
    high = np.maximum.reduceat(rows, starts)
    edges = np.hstack([low[:, :3], high[:, 3:]]).astype(float).round(1).tolist()
    return tuple(Box(int(page), x0, y0, x1, y1) for page, x0, y0, x1, y1 in edges)


def _divided(boxes: Sequence[Box], share: float) -> tuple[tuple[Box, ...], tuple[Box, ...]]:
    """Boxes up to a share of their width in all, and from there on."""
    before, after = [], []
    left = share * sum(box.x1 - box.x0 for box in boxes)
    for box in boxes:
        edge = round(min(max(box.x0 + left, box.x0), box.x1), 1)
        left -= box.x1 - box.x0
        before += [replace(box, x1=edge)] if edge > box.x0 else []
        after += [replace(box, x0=edge)] if edge < box.x1 else []
    return tuple(before), tuple(after)
