"""PDFs for the tests: papers that hold what makes papers hard to read, as bytes that are the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from random import Random

from PIL import Image
from pypdf import PdfWriter
from pypdf.annotations import FreeText
from reportlab.lib.utils import ImageReader
from typeset import (
    AUTHORS,
    BODY,
    HEADING,
    INDENTED,
    SMALL,
    SUBHEADING,
    TITLE,
    Frame,
    Pages,
    Paragraph,
    Style,
    lines_of,
    shown,
)


def paper_pdf(
    title: str = "A Small Paper",
    pages: Sequence[Sequence[str]] = (("This paper says one thing.",),),
    *,
    stamp: str | None = None,
) -> bytes:
    """A paper in one column: paragraphs by page, one that begins with `# ` a section heading; a stamp as arXiv's.

    A page holds about 45 lines of 90 characters; what is more raises ValueError.
    """
    paper = Pages()
    width, height = paper.size
    for number, paragraphs in enumerate(pages, start=1):
        styled = [(text.removeprefix("# "), HEADING if text.startswith("# ") else BODY) for text in paragraphs]
        if number == 1:
            styled.insert(0, (title, TITLE))
            if stamp:
                paper.stamp(stamp)
        if paper.fill(lines_of(styled, width - 216), Frame(108, height - 72, 90, width - 216)):
            raise ValueError(f"page {number} has more text than room")
        paper.put(str(number), width / 2 - 3, 60)
        paper.next_page()
    return paper.data()


# ------------------------------------------------------------------------------------------------- texts


_OPENINGS = ("", "", "", "In practice, ", "As before, ", "With a warm start, ", "In such a regime, ", "By contrast, ")
_SUBJECTS = (
    "the en\xadco\xadder", "a shal\xadlow clas\xadsi\xadfier", "the sched\xadule of learn\xading rates",
    "each at\xadten\xadtion head", "a reg\xadu\xadlarised base\xadline", "the widest net\xadwork",
    "an on\xadline es\xadti\xadma\xadtor", "the low-rank up\xaddate", "our re\xadpli\xadca\xadtion",
)  # fmt: skip
_VERBS = (
    "sharp\xadens", "re\xadcov\xaders", "over\xades\xadti\xadmates", "sta\xadbi\xadlis\xades", "hard\xadly moves",
    "com\xadpress\xades", "pre\xaddicts", "trades away",
)  # fmt: skip
_OBJECTS = (
    "the gra\xaddi\xadent noise", "most of the vali\xadda\xadtion er\xadror", "the mar\xadgin of the rarest class",
    "the spec\xadtrum of the weights", "what the mem\xado\xadry has kept", "the state-of-the-art score",
    "the cost of a long con\xadtext", "the na\xefve bound",
)  # fmt: skip
_TAILS = (
    "af\xadter {} epochs", "on {} held-out doc\xadu\xadments", "when the batch grows to {}", "in {} of our runs",
    "un\xadless {} lay\xaders are fro\xadzen", "at a cost of {} mil\xadli\xadsec\xadonds",
)  # fmt: skip


def prose(sentences: int, seed: int) -> str:
    """A paragraph in which hardly a sentence is like another, with soft hyphens."""
    chance = Random(seed)
    said = []
    for _ in range(sentences):
        opening, subject = chance.choice(_OPENINGS), chance.choice(_SUBJECTS)
        tail = chance.choice(_TAILS).format(chance.randrange(3, 900))
        text = f"{opening}{subject} {chance.choice(_VERBS)} {chance.choice(_OBJECTS)} {tail}."
        said.append(text[0].upper() + text[1:])
    return " ".join(said)


@dataclass(frozen=True, slots=True)
class Article:
    """What the article of the tests says, in the order in which it says it."""

    title: str = "Small Schedules for Patient Networks: a Study of When to Stop and What to Keep"
    authors: str = "Ada Example^{1}     Zo¨e Muster^{2}"
    stamp: str = "arXiv:2101.00001v2 [cs.LG] 3 Jan 2021"
    notice: str = "Preprint. Work in progress."
    head: str = "Small Schedules for Patient Networks"
    abstract: str = prose(6, 1)
    sections: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("1 Introduction", (prose(9, 2), prose(7, 3), prose(8, 4))),
        ("2 Method", (prose(6, 5),)),
        ("2.1 A Schedule That Waits", (prose(9, 6), prose(12, 7))),
        ("2.2 What Is Kept", (prose(10, 8), prose(8, 9), prose(9, 10))),
        ("3 Experiments", (prose(11, 11), prose(10, 12), prose(9, 13))),
        ("Broader Impact", (prose(7, 14),)),
    )
    footnote: str = "^{1}The code of the schedule takes forty lines and runs on one core of a laptop."
    figure: str = "Figure 1: The loss falls in steps. Each step is a pause of the schedule."
    labels: tuple[str, ...] = ("Stem", "Pause", "Resume", "0.0", "0.5", "1.0", "Iteration budget")
    table: str = "Table 1: Error in percent of three schedules, the mean of five runs."
    rows: tuple[tuple[str, ...], ...] = (
        ("Schedule", "Digits", "Letters"),
        ("Constant", "4.31", "9.07"),
        ("Stepwise", "3.96", "8.55"),
        ("Patient", "3.42", "7.98"),
    )
    thanks: str = "We thank the night shift of the cluster for its patience with ours."
    references: tuple[str, ...] = (
        "[1] A. Example and Z. Muster. On waiting. Journal of Invented Results, 4(2):11-29, 2015.",
        "[2] B. Beispiel. Slow networks learn twice. In Proceedings of Nowhere, pages 101-109, 2017.",
        "[3] C. Ejemplo, D. Esimerkki, and E. P´elda. Keeping what is kept. Unpublished notes, 2019.",
    )

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The prose in order, as a reader sees it."""
        return tuple(shown(text) for _, texts in self.sections for text in texts)


ARTICLE = Article()


def _body(article: Article, *, body: Style) -> list[Paragraph]:
    """Sections, acknowledgements and references of an article."""
    text: list[Paragraph] = [("Abstract", SUBHEADING), (article.abstract, replace(body, indent=0))]
    for heading, paragraphs in article.sections:
        text.append((heading, SUBHEADING if "." in heading else HEADING))
        text += [(paragraph, body) for paragraph in paragraphs]
    text += [("Acknowledgements", HEADING), article.thanks, ("References", HEADING)]
    return [*text, *((entry, SMALL) for entry in article.references)]


def one_column_pdf(article: Article = ARTICLE, *, numbered: bool = False) -> bytes:
    """An article over the width of its pages, a running head from the second page on, its lines `numbered` if asked."""
    paper = Pages()
    width = 396.0
    title: list[Paragraph] = [(article.title, TITLE), (article.authors, AUTHORS)]
    rest, page, count = lines_of([*title, *_body(article, body=BODY)], width), 0, 0
    while rest:
        page += 1
        if page > 1:
            paper.put(article.head, 220, 756, style=SMALL)
        if numbered:
            for line in range(50):
                count += 1
                paper.put(f"{count:03d}", 72, 720 - 12.6 * line, style=SMALL)
        rest = paper.fill(rest, Frame(108, 720, 90, width))
        paper.put(str(page), 303, 60)
        paper.next_page()
    return paper.data()


def two_column_pdf(article: Article = ARTICLE) -> bytes:
    """An article in two columns with all that stands between them: stamp, title, figure, table, footnote, heads."""
    paper = Pages()
    left, right, width, bottom = 54.0, 318.0, 240.0, 72.0
    paper.stamp(article.stamp)
    title: list[Paragraph] = [(article.title, TITLE), (article.authors, AUTHORS)]
    paper.fill(lines_of(title, 504), Frame(left, 740, 640, 504))
    rest = lines_of(_body(article, body=INDENTED), width)
    figure = _figure(paper, article, right, 630, width)
    paper.canvas.line(left, 104, left + 100, 104)
    paper.put(article.footnote, left, 102, width=width, style=SMALL)
    paper.put(article.notice, left, 66, style=SMALL)
    rest = paper.fill(rest, Frame(left, 630, 108, width), Frame(right, figure, bottom, width))
    paper.next_page()
    page = 1
    while rest:
        page += 1
        paper.put(article.head, 230, 764, style=SMALL)
        paper.put(str(page), 303, 50)
        top = _table(paper, article, left, 738, width) if page == 2 else 738
        # the last page is balanced, as styles do
        low = bottom if len(rest) > 100 else 738 - 13 * (len(rest) / 2 + 3)
        rest = paper.fill(rest, Frame(left, top, low, width), Frame(right, 738, bottom, width))
        paper.next_page()
    return paper.data()


def _figure(paper: Pages, article: Article, x: float, top: float, width: float) -> float:
    """A figure with boxes, a curve, an axis that is labelled upwards, and its caption below; where text goes on."""
    canvas, low = paper.canvas, top - 110
    canvas.rect(x + 30, low, width - 40, 100)
    canvas.lines([(x + 40 + 20 * k, low + 90 - 9 * k, x + 60 + 20 * k, low + 84 - 9 * k) for k in range(8)])
    for k, label in enumerate(article.labels[:3]):
        canvas.rect(x + 60 + 55 * k, low + 60, 40, 16)
        paper.put(label, x + 64 + 55 * k, low + 75, style=SMALL)
    for k, label in enumerate(article.labels[3:6]):
        paper.put(label, x + 14, low + 10 + 45 * k, style=SMALL)
    paper.turned(article.labels[6], x + 9, low + 20, style=SMALL)
    caption = lines_of([(article.figure, SMALL)], width)
    paper.fill(caption, Frame(x, low - 6, 0, width))
    return low - 6 - SMALL.leading * len(caption) - 16


def _table(paper: Pages, article: Article, x: float, top: float, width: float) -> float:
    """A table between rules with its caption above; where text goes on."""
    caption = lines_of([(article.table, SMALL)], width)
    paper.fill(caption, Frame(x, top, 0, width))
    y = top - SMALL.leading * len(caption) - 8
    paper.canvas.line(x, y, x + width, y)
    for k, cells in enumerate(article.rows):
        for cell, column in zip(cells, (x + 4, x + 110, x + 180), strict=True):
            paper.put(cell, column, y - 2 - 12 * k, style=SMALL)
    low = y - 12 * len(article.rows) - 4
    paper.canvas.line(x, low, x + width, low)
    return low - 16


def columns_pdf(
    paragraphs: Sequence[str], *, columns: int, gutter: float = 20, style: Style = INDENTED, spaces: bool = False
) -> bytes:
    """Paragraphs in any number of columns of equal width, from page to page."""
    paper = Pages(spaces=spaces)
    width = (504 - gutter * (columns - 1)) / columns
    frames = [Frame(54 + k * (width + gutter), 720, 72, width) for k in range(columns)]
    rest = lines_of([(paragraph, style) for paragraph in paragraphs], width)
    while rest:
        rest = paper.fill(rest, *frames)
        paper.next_page()
    return paper.data()


def banded_pdf(above: Sequence[str], band: str, below: Sequence[str]) -> bytes:
    """A page of two columns that a heading over its full width cuts into an upper and a lower half."""
    paper = Pages()
    for texts, top, bottom in ((above, 720, 440), (below, 390, 60)):
        lines = lines_of([(text, INDENTED) for text in texts], 240)
        low = top - 12 * ((len(lines) + 1) // 2) - 1
        if paper.fill(lines, Frame(54, top, low, 240), Frame(318, top, low, 240)) or low < bottom:
            raise ValueError("more text than room")
    paper.put(band, 54, 420, width=504, style=HEADING)
    paper.next_page()
    return paper.data()


# ---------------------------------------------------------------------------------- pages of other kinds


def scan_pdf(pages: int = 2, *, text: str = "", invisible: Sequence[str] = ()) -> bytes:
    """Pages that are pictures; a `text` is set on one more page after them, `invisible` lines lie under the first."""
    paper = Pages()
    picture = ImageReader(Image.linear_gradient("L"))
    for page in range(pages):
        paper.canvas.drawImage(picture, 0, 0, *paper.size)
        for line, words in enumerate(invisible if page == 0 else ()):
            hidden = paper.canvas.beginText(72, 700 - 14 * line)
            hidden.setFont("Times-Roman", 10)
            hidden.setTextRenderMode(3)
            hidden.textOut(words)
            paper.canvas.drawText(hidden)
        paper.next_page()
    if text:
        paper.fill(lines_of([text], 396), Frame(108, 720, 90, 396))
        paper.next_page()
    return paper.data()


def sideways_pdf(paragraphs: Sequence[str]) -> bytes:
    """A landscape page: drawn upwards on a portrait page that is shown turned to the right, as TeX does."""
    paper = Pages((792, 612))
    paper.canvas.setPageSize((612, 792))
    paper.canvas.setPageRotation(90)
    paper.canvas.translate(612, 0)
    paper.canvas.rotate(90)
    paper.fill(lines_of(paragraphs, 648), Frame(72, 540, 72, 648))
    paper.next_page()
    return paper.data()


def turned(data: bytes, angle: int = 90) -> bytes:
    """The same pages, shown turned to the right."""
    writer = PdfWriter(clone_from=BytesIO(data))
    for page in writer.pages:
        page.rotate(angle)
    return _written(writer)


def encrypted(data: bytes, *, password: str = "") -> bytes:
    """The same pages, encrypted; who opens them needs the password unless it is empty."""
    writer = PdfWriter(clone_from=BytesIO(data))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    return _written(writer)


def annotated(data: bytes, note: str) -> bytes:
    """The same pages, with a note that a reader has laid over the first."""
    writer = PdfWriter(clone_from=BytesIO(data))
    box = (150, 400, 320, 440)
    writer.add_annotation(page_number=0, annotation=FreeText(text=note, rect=box, font_size="10pt"))
    return _written(writer)


def _written(writer: PdfWriter) -> bytes:
    file = BytesIO()
    writer.write(file)
    return file.getvalue()
