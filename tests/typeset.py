"""Pages of a PDF, drawn a word at a time as TeX does, with each word where it is put.

In a text a soft hyphen says where a word may be broken at the end of a line, `x^{2}` raises what is in braces, and a
`´` or `¨` is struck over the letter after it. `shown` is what a reader sees of it. Bytes are the same in every run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain

from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

registerFont(TTFont("Vera", "Vera.ttf"))  # comes with reportlab, and has ligatures

LETTER = (612.0, 792.0)
SOFT_HYPHEN = "\xad"


@dataclass(frozen=True, slots=True)
class Style:
    """A font, its size, the distance of lines and the room before and after a paragraph, in points."""

    font: str = "Times-Roman"
    size: float = 10
    leading: float = 12
    after: float = 4
    before: float = 0
    indent: float = 0
    centred: bool = False


BODY = Style()
INDENTED = Style(indent=12, after=0)
SMALL = Style(size=8, leading=9.5)
HEADING = Style("Times-Bold", 12, 14, before=8)
SUBHEADING = Style("Times-Bold", 10, 12, before=6)
TITLE = Style("Times-Bold", 17, 21, 10, centred=True)
AUTHORS = Style(size=11, leading=14, after=12, centred=True)


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one line, and how wide it is set (None: as wide as its words are)."""

    words: tuple[str, ...]
    style: Style
    width: float | None
    indent: float = 0
    before: float = 0
    after: float = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """Where text may stand: from `top` down to `bottom`."""

    x: float
    top: float
    bottom: float
    width: float


Paragraph = str | tuple[str, Style]


def shown(text: str) -> str:
    """What a reader sees of a text: without the marks of this module."""
    plain = re.sub(r"\^\{(.*?)\}", r"\1", text.replace(SOFT_HYPHEN, ""))
    for accent, combining in (("´", "\u0301"), ("¨", "\u0308")):
        plain = re.sub(f"{accent}(.)", rf"\1{combining}", plain)
    return unicodedata.normalize("NFKC", plain)


def lines_of(paragraphs: Iterable[Paragraph], width: float) -> list[Line]:
    """Break paragraphs into lines of at most a width."""
    return list(chain.from_iterable(_broken(paragraph, width) for paragraph in paragraphs))


def _broken(paragraph: Paragraph, width: float) -> Iterator[Line]:
    text, style = (paragraph, BODY) if isinstance(paragraph, str) else paragraph
    indent, before, line = style.indent, style.before, []
    words = text.split()[::-1]
    while words:
        word = words.pop()
        room = width - indent - sum(_width(one, style) + _space(style) for one in line)
        if _width(word.replace(SOFT_HYPHEN, ""), style) <= room:
            line.append(word.replace(SOFT_HYPHEN, ""))
            continue
        head, tail = _hyphenated(word, room, style)
        if head:
            line.append(head)
        yield Line(tuple(line or [tail]), style, None if style.centred else width - indent, indent, before)
        words += [tail] if line else []
        indent, before, line = 0, 0, []
    yield Line(tuple(line), style, None, indent, before, style.after)


def _hyphenated(word: str, room: float, style: Style) -> tuple[str, str]:
    """The longest head of a word that fits before a line's end, with its hyphen, and the rest."""
    for cut in sorted((match.end() for match in re.finditer(r"[\xad-]", word[:-1])), reverse=True):
        head = word[:cut].removesuffix(SOFT_HYPHEN).replace(SOFT_HYPHEN, "")
        head = head if head.endswith("-") else f"{head}-"
        if _width(head, style) <= room:
            return head, word[cut:]
    return "", word


def _width(word: str, style: Style) -> float:
    plain = re.sub(r"[´¨](?=.)", "", word)
    base, _, raised = plain.partition("^{")
    small, _, rest = raised.partition("}")
    return float(stringWidth(base + rest, style.font, style.size) + stringWidth(small, style.font, 0.7 * style.size))


def _space(style: Style) -> float:
    return 0.25 * style.size


class Pages:
    """The pages of a PDF, drawn one after the other; `data` ends it. Places are in points from the lower left.

    With `spaces`, lines hold the spaces between their words, as office programs write them; nothing is raised there.
    """

    def __init__(self, size: tuple[float, float] = LETTER, *, spaces: bool = False) -> None:
        self.size = size
        self.spaces = spaces
        self._file = BytesIO()
        self.canvas = Canvas(self._file, pagesize=size, invariant=1, pageCompression=1)
        self.canvas.setTitle("")
        self.canvas.setAuthor("")
        self.canvas.setSubject("")

    def data(self) -> bytes:
        self.canvas.save()
        return self._file.getvalue()

    def next_page(self) -> None:
        self.canvas.showPage()

    def word(self, word: str, x: float, y: float, style: Style) -> float:
        """Draw a word with its accents and raised parts; the place after it."""
        for piece, raised, accent, letter in re.findall(r"([^\^´¨]+)|\^\{(.*?)\}|([´¨])(.)", word):
            size, rise = (0.7 * style.size, 0.35 * style.size) if raised else (style.size, 0)
            text = piece or raised or letter
            width = stringWidth(text, style.font, size)
            self.canvas.setFont(style.font, size)
            if accent:
                self.canvas.drawString(x + (width - stringWidth(accent, style.font, size)) / 2, y, accent)
            self.canvas.drawString(x, y + rise, text)
            x += width
        return x

    def line(self, line: Line, x: float, y: float) -> None:
        """Draw a line, each word by itself unless there are to be spaces."""
        own = sum(_width(word, line.style) for word in line.words)
        gaps = len(line.words) - 1
        space = (line.width - own) / gaps if line.width and gaps else _space(line.style)
        x += line.indent
        if self.spaces:
            self.word(" ".join(line.words), x, y, line.style)
            return
        for word in line.words:
            x = self.word(word, x, y, line.style) + space

    def fill(self, lines: Sequence[Line], *frames: Frame) -> list[Line]:
        """Let lines run through frames; those that found no room."""
        rest = list(lines)[::-1]
        for frame in frames:
            y = frame.top
            while rest and y - rest[-1].style.leading - rest[-1].before >= frame.bottom:
                line = rest.pop()
                y -= line.style.leading + (line.before if y < frame.top else 0)
                own = sum(_width(word, line.style) + _space(line.style) for word in line.words) - _space(line.style)
                self.line(line, frame.x + ((frame.width - own) / 2 if line.style.centred else 0), y)
                y -= line.after
        return rest[::-1]

    def put(self, text: str, x: float, top: float, *, width: float = 400, style: Style = BODY) -> None:
        """Draw one paragraph with its upper left corner at a place."""
        self.fill(lines_of([(text, style)], width), Frame(x, top, 0, width))

    def turned(self, text: str, x: float, y: float, *, style: Style = BODY, angle: float = 90) -> None:
        """Draw a text turned to the left around the place where it begins."""
        self.canvas.saveState()
        self.canvas.translate(x, y)
        self.canvas.rotate(angle)
        self.line(Line(tuple(text.split()), style, None), 0, 0)
        self.canvas.restoreState()

    def stamp(self, text: str) -> None:
        """arXiv's stamp: up along the left margin."""
        self.turned(text, 32, self.size[1] / 2 - 150, style=replace(BODY, size=20))
