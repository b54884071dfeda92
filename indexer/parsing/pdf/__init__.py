"""PDF → Document: what stands on the pages, in the order in which it is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from indexer.dates import read_date
from indexer.errors import SourceError
from indexer.papers import references
from indexer.parsing.pdf import columns, floats, furniture, glyphs, joining, lines, prose, stated
from indexer.parsing.pdf.sections import Headings, is_contents
from indexer.types import Block, Document, PaperId, Places, Source

_SUBJECT = re.compile(r"(?<=math)\.[a-z]{2}(?=/)", re.IGNORECASE)
"""The class that old ids may name after their archive: `math.GT/0309136` is math/0309136."""

MAX_PAGES = 5000
MAX_STACKS = 1000


def parse(source: Source) -> Document:
    """Read a PDF. Raise SourceError when it is none, is encrypted or damaged, or holds no text."""
    with glyphs.opened(source.data) as document:
        if not 0 < len(document) <= MAX_PAGES:
            raise SourceError(
                f"{len(document):,} pages, more than {MAX_PAGES:,}; split it"
                if len(document)
                else "a PDF without pages; fetch or copy it again"
            )
        outline = glyphs.outline(document)
        date = read_date(document.get_metadata_value("CreationDate"))
        pages = [glyphs.read(document, number) for number in range(1, len(document) + 1)]
    return assemble(source, pages, outline, date)


def assemble(
    source: Source, pages: Sequence[glyphs.Page], outline: Sequence[tuple[int, str]] = (), date: str | None = None
) -> Document:
    """Make a document of what stands on its pages; raise SourceError when that is no text."""
    drawn: list[list[lines.Line]] = []
    first = 0
    for page in pages:
        drawn.append(lines.lines_of(page, first))
        first += len(page.text)
    empty = [page.number for page, on_page in zip(pages, drawn, strict=True) if not on_page]
    if len(empty) == len(pages):
        raise SourceError(f"its {_count(len(pages))} no text: a scan; have its text recognised (OCR)")
    pieces = _pieces(pages, furniture.without_furniture(drawn), outline)
    vocabulary = joining.Vocabulary(drawn)
    blocks = _blocks(pieces, vocabulary, _places(pages))
    paper = furniture.stamp(pages[0]) or _named(source.file)
    # arXiv's PDFs hardly ever state a title, and arXiv knows it; others are asked what they state.
    title = None if paper else stated.title(source.data, pages[0].text)
    return Document(
        source,
        "paper",
        title or _title(blocks, pieces),
        tuple(blocks),
        (),
        pages=len(pages),
        paper=paper,
        remark=f"no text on {_listed(empty)}: pictures are not read" if empty else None,
        date=date,
    )


def _count(pages: int) -> str:
    return "1 page holds" if pages == 1 else f"{pages} pages hold"


def _listed(numbers: Sequence[int]) -> str:
    shown = [str(number) for number in numbers[:10]]
    if len(numbers) == 1:
        return f"page {shown[0]}"
    last = f"{len(numbers) - 10} more" if len(numbers) > 10 else shown.pop()
    return f"pages {', '.join(shown)} and {last}"


def _named(file: str) -> PaperId | None:
    """The paper that a file is named after: `1706.03762v5.pdf`, `hep-th_9901001.pdf`."""
    name = _SUBJECT.sub("", PurePosixPath(file).stem.replace("_", "/"))
    found = next(references(f"arxiv:{name}"), None)
    return found if found and len(found.identifier + (found.version or "")) == len(name) else None


def _pieces(
    pages: Sequence[glyphs.Page], kept: Sequence[list[lines.Line]], outline: Sequence[tuple[int, str]]
) -> list[prose.Piece]:
    layout = prose.Layout(prose.body_size(kept), columns.leading(kept), prose.indents(kept))
    headings = Headings(outline, layout.body)
    pieces: list[prose.Piece] = []
    stacked = [floats.divide(columns.stacks_of(on_page, layout.spacing)) for on_page in kept]
    floats.name_captions(stacked)
    for page, on_page, stacks in zip(pages, kept, stacked, strict=True):
        margin = prose.margins(on_page, layout.body)
        for stack in _arranged(page, stacks, layout.body):
            pieces += prose.pieces_of(stack, margin, headings, layout)
    return prose.flow(pieces, layout)


def _arranged(page: glyphs.Page, stacks: list[columns.Stack], body: float) -> list[columns.Stack]:
    """What is to be read on a page, in order; a page in too many pieces is left in the order in which it is drawn."""
    if len(stacks) > MAX_STACKS:
        return stacks
    text, drawn = floats.sort_out(page, stacks, body)
    floats.footnotes(text, body)
    return columns.in_order(text, [*page.drawings, *(stack.box for stack in drawn)])


def _places(pages: Sequence[glyphs.Page]) -> Places:
    """The places of all characters, and a row of zeros at the end, which -1 finds."""
    places = np.zeros((sum(len(page.text) for page in pages) + 1, 5), np.float32)
    first = 0
    for page in pages:
        rows = places[first : first + len(page.text)]
        rows[:, 0], rows[:, 1:] = page.number, page.boxes
        first += len(rows)
    return places


def _blocks(pieces: Sequence[prose.Piece], vocabulary: joining.Vocabulary, places: Places) -> list[Block]:
    blocks: list[Block] = []
    path: list[tuple[int, str]] = []
    for piece in pieces:
        text, index = joining.rows(piece.lines) if piece.kind == "table" else joining.joined(piece.lines, vocabulary)
        if piece.kind == "heading":
            path = [(level, title) for level, title in path if level < piece.level] + [(piece.level, text)]
        ordinal = len(blocks) + 1
        blocks.append(
            Block(
                piece.kind,
                text,
                (ordinal, ordinal),
                tuple(title for _, title in path),
                depth=piece.level,
                places=places[index],
            )
        )
    return blocks


def _title(blocks: Sequence[Block], pieces: Sequence[prose.Piece]) -> str | None:
    """What is set largest near the top of the first page, and does not open a table of contents."""
    top = [pair for pair in zip(pieces, blocks, strict=True) if pair[0].page == 1][:12]
    sizes = [(piece.lines[0].size, block.text) for piece, block in top if not is_contents(block.text)]
    return max(sizes, key=lambda pair: pair[0])[1] if sizes else None
