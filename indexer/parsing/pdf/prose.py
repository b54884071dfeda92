"""Stacks in reading order → paragraphs, headings, items, captions, footnotes, references; and their blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeAlias

from indexer.parsing.pdf.columns import Stack
from indexer.parsing.pdf.lines import Line
from indexer.parsing.pdf.sections import (
    Headings,
    bare,
    folded,
    is_aside,
    is_contents,
    is_entry,
    is_known,
    is_references,
)
from indexer.types import BlockKind

_BULLET = re.compile(r"(?:[•◦▪■●○‣►–—*-]|\(?(?:\d{1,2}|[ivx]{1,4}|[a-z])\))\s+\S|\d{1,2}\.\s+\S")
_LONG = re.compile(r"[^\W\d_]{3}")
_ENTRY = re.compile(r"\[\w[\w+.,\s’'&-]{0,40}\]\s*\S|\d{1,3}\.\s+\S|\(\d{1,3}\)\s+\S")
_END = re.compile(r"[.!?:;…][\"'”’)\]]*\d{0,2}$")
_FULL = re.compile(r"[.!?][\"'”’)\]]*(?:\^?\d{1,2})?$")


Margin: TypeAlias = Callable[[float, float], tuple[float, float]]
"""From where something begins and ends on a page to the left and right margin of its column."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a document is set: the size of its text, its leading in such sizes, and whether paragraphs are indented."""

    body: float
    spacing: float
    indents: bool


@dataclass(slots=True)
class Piece:
    """The lines of what is to become one block. `level` is that of a heading; `left` and `right` bound its column."""

    kind: BlockKind
    lines: list[Line]
    left: float
    right: float
    level: int = 0
    page: int = 0


def body_size(pages: Sequence[Sequence[Line]]) -> float:
    """The size of the font of most of the text, in points."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text) if line.wordy else 0
    return sizes.most_common(1)[0][0] if sizes else 10.0


def margins(lines: Sequence[Line], body: float) -> Margin:
    """Learn from the lines of a page where its columns begin and end."""
    text = [line for line in lines if line.wordy and abs(line.size - body) < 0.2 * body]
    lefts, rights = _frequent([line.x0 for line in text]), _frequent([line.x1 for line in text])

    def of(x0: float, x1: float) -> tuple[float, float]:
        return max([x for x in lefts if x0 - 6 * body <= x <= x0 + 2], default=x0), min(
            [x for x in rights if x >= x1 - 3], default=x1
        )

    return of


def _frequent(values: Sequence[float]) -> list[float]:
    rows = Counter(round(value) for value in values)
    few = max(3, len(values) // 12)
    return [float(x) for x, count in rows.items() if count + rows[x - 1] + rows[x + 1] >= few]


def indents(pages: Sequence[Sequence[Line]]) -> bool:
    """Whether the paragraphs of a document begin with an indent, and not only with a new line."""
    indented = flush = 0
    for lines in pages:
        for above, line in pairwise(lines):
            if not line.wordy or not _FULL.search(above.text) or not 0 < above.base - line.base < 2 * line.size:
                continue
            step = (line.x0 - above.x0) / line.size
            indented += 0.7 < step < 4
            flush += abs(step) < 0.1 and above.x1 < line.x1 - _first_word(line) - 0.5 * line.size
    return indented >= 4 and indented > 2 * flush


def pieces_of(stack: Stack, margin: Margin, headings: Headings, layout: Layout) -> Iterator[Piece]:
    """Cut a stack into paragraphs, headings and items."""
    lines, page = stack.lines, stack.lines[0].page
    inner, _, outer, _ = stack.box
    left, right = margin(inner, outer)
    if len(lines) > 2 and right > outer + 3 * lines[0].size:  # several lines, set with a ragged edge
        right = outer
    if stack.kind in ("table", "caption"):
        yield Piece("table" if stack.kind == "table" else "caption", lines, left, right, page=page)
        return
    begun = 0
    if stack.kind == "footnote":
        starts = [0, *(k for k in range(1, len(lines)) if lines[k].marked), len(lines)]
        for begun, end in pairwise(starts):
            yield Piece("footnote", lines[begun:end], left, right, page=page)
        return
    for k in range(1, len(lines) + 1):
        if k < len(lines) and not _parts(lines, k, begun, (left, inner, right), layout):
            continue
        part = lines[begun:k]
        yield from _named(part, left, right, headings, alone=len(part) <= 3)
        begun = k


def _named(part: list[Line], left: float, right: float, headings: Headings, *, alone: bool) -> Iterator[Piece]:
    page, first = part[0].page, part[0]
    likely = alone or headings.stands_out(first) or first.text.isupper()
    for count in (3, 2, 1) if likely else ():
        if count > len(part) or (count > 1 and abs(part[count - 1].size - first.size) > 0.2):
            continue
        level = headings.level(part[:count], alone=alone and count == len(part))
        if level is not None:
            yield Piece("heading", part[:count], left, right, level, page)
            if count < len(part):
                yield from _named(part[count:], left, right, headings, alone=False)
            return
    yield Piece(_kind(part), part, left, right, page=page)


def _kind(part: Sequence[Line]) -> BlockKind:
    text = part[0].text
    if _BULLET.match(text) and any(line.words for line in part):
        return "item"
    if 2 * sum([line.wordy for line in part]) > len(part) or sum([line.words for line in part]) > 2 * len(part):
        return "paragraph"
    if len(text) < 40 and not _LONG.search(" ".join(line.text for line in part)):
        return "math"
    letters = sum(char.isalpha() for line in part for char in line.text)
    marks = sum(not char.isspace() for line in part for char in line.text)
    return "math" if letters * 2 < marks or any(line.math > 0.3 for line in part) else "paragraph"


def _parts(lines: Sequence[Line], k: int, begun: int, edges: tuple[float, float, float], layout: Layout) -> bool:
    """Whether something new begins with line `k`.

    `edges` are where the column begins, where the stack begins, and where the column ends.
    """
    left, inner, right = edges
    above, line = lines[k - 1], lines[k]
    if above.base - line.base > (layout.spacing + 0.28) * line.size:
        return True
    if above.bold > 0.8:
        if k - begun <= 3 and not line.opens_bold and lines[begun].bold > 0.8:
            return True
    elif (line.bold > 0.8 and _END.search(above.text)) or (
        k - begun == 1 and above.styled > 0.8 and line.styled < 0.2 and is_known(above.text)
    ):
        return True
    room = right - above.x1
    short = room > 0.3 * line.size and room > _first_word(line)
    if _BULLET.match(line.text) and (short or _END.search(above.text)):
        return True
    if above.text[-1].isalpha() or not _FULL.search(above.text):  # items often end without a full stop
        room -= _first_word(line) + 2 * line.size
        return room > 0 and line.text[:1].isupper() and bool(_BULLET.match(lines[begun].text))
    much = above.x1 < left + 0.6 * (right - left)
    return (short and (much or not layout.indents)) or _indented(lines, k, begun, inner, layout)


def _indented(lines: Sequence[Line], k: int, begun: int, inner: float, layout: Layout) -> bool:
    """Whether line `k` begins a paragraph with an indent; `inner` is the left edge of the others."""
    above, line = lines[k - 1], lines[k]
    step = line.x0 - above.x0
    if line.x0 - inner < 0.7 * line.size:
        return False
    if k - begun > 1:
        return step > 0.7 * line.size
    if abs(step) < 0.3 * line.size:
        return True
    # after a single line: the first line of a paragraph, or the rest of something that hangs from its first line
    return layout.indents and k + 1 < len(lines) and lines[k + 1].x0 < line.x0 - 0.7 * line.size


def _first_word(line: Line) -> float:
    """About how wide the first word of a line and the space before it are, in points."""
    return line.width * _weight(line.text.split(None, 1)[0]) / _weight(line.text) + 0.2 * line.size


def _weight(text: str) -> float:
    """About how wide a text is: 1 for most letters."""
    narrow, wide = sum(map(text.count, "iljtfI.,;:'!|()[] ")), sum(map(text.count, "mwMW"))
    capitals = sum(map(str.isupper, text))
    return len(text) - 0.45 * narrow + 0.6 * wide + 0.4 * capitals


def flow(pieces: Sequence[Piece], layout: Layout) -> list[Piece]:
    """Join paragraphs that go on after a column, a page, a figure or a footnote, and name the references."""
    _only_title(pieces)
    _list_contents(pieces)
    out: list[Piece] = []
    open_prose: Piece | None = None
    aside = references = False
    for k, piece in enumerate(pieces):
        if piece.kind == "heading":
            text = " ".join(line.text for line in piece.lines)
            aside, references = is_aside(text), is_references(text)
            open_prose = None
        if aside and piece.kind in ("paragraph", "item", "math"):
            piece.kind = "reference"
        if piece.kind in ("paragraph", "item", "reference"):
            if (
                open_prose is not None
                and _goes_on(open_prose, piece, layout, references=references)
                and not _beside(piece, open_prose, pieces[k + 1 : k + 8])
            ):
                open_prose.lines.extend(piece.lines)
                open_prose.left, open_prose.right, open_prose.page = piece.left, piece.right, piece.page
                continue
            if open_prose is None or not _beside(piece, open_prose, pieces[k + 1 : k + 8]):
                open_prose = piece
        elif piece.kind == "math":
            if sum(len(line.text) for line in piece.lines) < 4:  # a piece of a fraction, cut off from its line
                continue
            open_prose = None
        if out and piece.kind in ("math", "table", "heading") and _together(out[-1], piece):
            out[-1].lines.extend(piece.lines)
            continue
        out.append(piece)
    return out


def _list_contents(pieces: Sequence[Piece]) -> None:
    """Tables of contents are no headings and no text: each of their lines is a title that comes again."""
    headings = [(k, _text(piece)) for k, piece in enumerate(pieces) if piece.kind == "heading"]
    begun = next((k for k, text in headings if is_contents(text)), len(pieces))
    last = {folded(bare(text)): k for k, text in headings}
    within = False
    for k, piece in enumerate(pieces[begun:], begun):
        if piece.kind != "heading":
            if within and is_entry(_text(piece)):
                piece.kind = "reference"
        elif is_contents(text := _text(piece)):
            within = True
        elif within and (is_entry(text) or last[folded(bare(text))] > k):
            piece.kind, piece.level = "reference", 0
        else:
            within = False


def _text(piece: Piece) -> str:
    return " ".join([line.text for line in piece.lines]).replace("\t", " ")


def _goes_on(before: Piece, piece: Piece, layout: Layout, *, references: bool) -> bool:
    last, line = before.lines[-1], piece.lines[0]
    if abs(last.size - line.size) > 0.12 * line.size or _BULLET.match(line.text):
        return False
    if references and _ENTRY.match(line.text):
        return False
    text = line.text.lstrip("\"'“‘([")
    if last.text.endswith("-") or not _END.search(last.text):
        near = piece.page - before.page <= 2
        begins = line.x0 > piece.left + 0.8 * line.size or _below(before, piece, 40)
        return near and not (begins and text[:1].isupper() and last.x1 < before.right - 3 * last.size)
    if text[:1].islower():
        return _FULL.search(last.text) is None or last.text.endswith((".g.", "i.e.", "al.", "cf.", "vs."))
    full = last.x1 > before.right - 1.0 * last.size
    flush = line.x0 < piece.left + 0.5 * line.size
    moved = before.page != piece.page or last.base < line.base
    return (full or layout.indents) and flush and moved and before.kind == "paragraph"


def _only_title(pieces: Sequence[Piece]) -> None:
    """Before the first section of a paper only its title is a heading; the bold names of authors are none."""
    first = [piece for piece in pieces if piece.page == 1]
    largest = max((piece.lines[0].size for piece in first), default=0.0)
    sections = (
        k
        for k, piece in enumerate(first)
        if piece.kind == "heading" and piece.lines[0].size < 0.95 * largest and is_known(_text(piece))
    )
    prose = (
        k for k, piece in enumerate(first) if piece.kind == "paragraph" and sum(line.wordy for line in piece.lines) > 3
    )
    section = next(chain(sections, prose), len(first))
    for piece in first[:section]:
        if piece.kind == "heading" and piece.lines[0].size < 0.95 * largest:
            piece.kind, piece.level = "paragraph", 0


def _together(before: Piece, piece: Piece) -> bool:
    """Whether two pieces are parts of one formula, table or heading."""
    if before.kind != piece.kind or before.page != piece.page:
        return False
    if piece.kind != "heading":
        return True
    above, line = before.lines[-1], piece.lines[0]
    return (
        before.level == piece.level
        and abs(above.size - line.size) < 0.1 * line.size
        and above.bold == line.bold
        and 0 < above.base - line.base < 2 * line.size
        and not re.match(r"(?:\d|[A-Z]\b|Appendix)", line.text)
        and above.x1 - above.x0 > line.width / 2
    )


def _below(before: Piece, piece: Piece, drop: float) -> bool:
    """Whether a piece stands below another in the same column, by not more than `drop` sizes of its font."""
    last, line = before.lines[-1], piece.lines[0]
    return (
        before.page == piece.page
        and 0 < last.base - line.base < drop * line.size
        and min(last.x1, line.x1) > max(last.x0, line.x0)
    )


def _beside(piece: Piece, before: Piece, ahead: Sequence[Piece]) -> bool:
    """Whether a piece is part of a float, and the unfinished sentence before it goes on after the float's caption."""
    last = before.lines[-1].text
    if _END.search(last) or piece.lines[0].text[:1].islower() or piece.kind == "item" or _below(before, piece, 2.6):
        return False
    captioned = False
    for one in ahead:
        if one.kind == "heading":
            return False
        if captioned and one.kind == "paragraph" and one.lines[0].text[:1].islower():
            return abs(one.lines[0].size - before.lines[-1].size) < 0.06 * one.lines[0].size
        captioned = captioned or one.kind == "caption"
    return False
