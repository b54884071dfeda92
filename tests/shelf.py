"""A paper whose every sentence is a row of black bars, so that a test knows where each stands."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from indexer.types import Box, PaperId, Passage, Span

TITLE = "Residual Stacks"
PAPER = PaperId("2101.00001", "v2")
PAGES = 3
HEIGHT = 792.0

ADDS = "Residual blocks add their input to their output."
KEEPS = "This keeps the gradient alive in deep stacks."
BEFORE = "The sum is taken before the last activation."
FREE = "It needs no weights of its own, whatever the depth."
CAPTION = "Table 1: Error of plain and residual stacks on images."
CITED = "Mull and Grau. Deep residual stacks keep the gradient alive. 2015."


def _passage(ordinal: int, kind: str, heading: str, first: int, *spans: tuple[str, tuple[Box, ...]]) -> Passage:
    pieces = tuple(Span(text, (first + n, first + n), boxes) for n, (text, boxes) in enumerate(spans))
    text = " ".join(span.text for span in pieces)
    context = f"{TITLE} › {heading}"
    return Passage(ordinal, kind, text, context, (heading,), (first, first + len(spans) - 1), pieces)


PASSAGES = (
    _passage(
        *(0, "text", "1 Method", 1),
        (ADDS, (Box(1, 72, 700, 300, 710),)),
        (KEEPS, (Box(1, 310, 700, 540, 710), Box(1, 72, 680, 200, 690))),
    ),
    _passage(
        *(1, "text", "1 Method", 3),
        (BEFORE, (Box(1, 72, 100, 400, 110),)),
        (FREE, (Box(1, 72, 80, 540, 90), Box(2, 72, 700, 150, 710))),
    ),
    _passage(2, "caption", "2 Results", 5, (CAPTION, (Box(2, 100, 500, 500, 510),))),
    _passage(3, "reference", "References", 6, (CITED, (Box(2, 72, 300, 540, 310),))),
)


def bars_pdf(passages: Sequence[Passage] = PASSAGES, *, pages: int = PAGES) -> bytes:
    """White pages with a black bar for each box, and nothing else."""
    file = BytesIO()
    canvas = Canvas(file, pagesize=(612, HEIGHT), invariant=1)
    for page in range(1, pages + 1):
        for box in (box for passage in passages for span in passage.spans for box in span.boxes if box.page == page):
            canvas.rect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0, stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    return file.getvalue()
