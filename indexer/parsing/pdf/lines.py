"""Runs → lines of text: what stands on one line, with its spaces, raised and lowered characters, and accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

import numpy as np

from indexer.parsing.pdf.glyphs import ACCENTS, HYPHEN, Integers, Page, Rectangle, Run

_MOST = 2000  # accents on a page
_REACH = 400  # characters: so far from its letter an accent may be in the text
_GAP = 1.3  # of the size of the font: a wider gap parts cells, or columns
_LIGATURES = {
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
    "ﬅ": "st",
    "ﬆ": "st",
    "ĳ": "ij",
    "Ĳ": "IJ",
    "ŉ": "'n",
}
_ODD = (
    re.compile(  # what does not stay as it is: control characters, accents, ligatures, odd spaces, letters of formulas
        r"[\x00-\x08\x0a-\x1f\x7f-\xa0\xadĲĳŉ\u0300-\u036f\u2000-\u200f\u2028-\u202f\u205f\u3000\ufb00-\ufb06"
        rf"\ufffe\U0001d400-\U0001d7ff{''.join(ACCENTS)}]"
    )
)
_ACCENTED = re.compile(f"[{''.join(ACCENTS)}]")
_WORD = re.compile(r"[A-Za-zÀ-ɏͰ-῿぀-\U0010ffff]{2,}")
_ALNUM = re.compile(r"[^\W_]")


@dataclass(slots=True)
class Line:
    """A line on a page, in the frame in which its text is upright.

    `index` holds for each character of `text` its place among those of the document, -1 for a space that was put in.
    `cells` are where its parts begin and end that wide gaps keep apart: x0, x1, place in `text`. `bold`, `math` and
    `styled` (italics, small capitals) are the shares of its characters in such fonts; `marked` says that it begins
    with a raised character, as footnotes do, `opens_bold` that it begins in bold, and `wordy` that it has four
    words and more.
    """

    page: int
    text: str
    index: Integers
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    size: float
    bold: float
    math: float
    cells: tuple[tuple[float, float, int], ...]
    marked: bool = False
    opens_bold: bool = False
    styled: float = 0.0
    wordy: bool = field(init=False)

    def __post_init__(self) -> None:
        self.wordy = len(self.text) > 10 and next(islice(_WORD.finditer(self.text), 3, None), None) is not None

    @property
    def words(self) -> int:
        """How many words of two letters and more it has."""
        return len(_WORD.findall(self.text))

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def box(self) -> Rectangle:
        return self.x0, self.y0, self.x1, self.y1


def lines_of(page: Page, first: int = 0) -> list[Line]:
    """The upright lines of a page, in the order in which the PDF draws them.

    `first` is the place of the page's first character among those of the document.
    """
    text, runs = _accented(page)
    margin = _margin_numbers(text, runs)
    left, bottom, right, top = page.frame
    opened: list[_Open] = []
    for run in runs:
        if run.turned or id(run) in margin or run.x1 <= left or run.x0 >= right or run.y1 <= bottom or run.y0 >= top:
            continue
        if opened and opened[-1].takes(run):
            opened[-1].add(run)
        elif beside := [line for line in opened[-4:-1] if line.resumes(run)]:  # after an accent, a fraction, a root
            beside[-1].add(run)
        else:
            opened.append(_Open(run))
    order = np.arange(first, first + len(text))
    lines = [_line(page.number, text, order, line.runs) for line in _continued(opened)]
    return _parted([line for line in lines if _ALNUM.search(line.text)])


def _accented(page: Page) -> tuple[str, Sequence[Run]]:
    """Put accents that are drawn over letters on them: the text, and the runs without those accents.

    TeX draws an accent and a letter one over the other, and pdfium has the accent anywhere else on the line.
    """
    if not _ACCENTED.search(page.text):
        return page.text, page.runs
    text, gone = list(page.text), set()
    accents = [run for run in page.runs if run.end - run.start == 1 and page.text[run.start] in ACCENTS]
    for run in accents[:_MOST]:
        accent = page.text[run.start]
        if run.math:  # in TeX's fonts for formulas the place of the grave accent is that of a script l
            text[run.start] = "ℓ" if accent == "`" else accent
            continue
        first = max(0, run.start - _REACH)
        boxes = page.boxes[first : run.start + _REACH]
        x0, y0, x1, y1 = page.boxes[run.start].tolist()
        y, off = (y0 + y1) / 2, np.abs(boxes[:, 0] + boxes[:, 2] - x0 - x1) / 2
        near = (off < 0.4 * run.size) & (boxes[:, 1] < y) & (y < boxes[:, 3] + 0.3 * run.size)
        letters = [(off[k], first + k) for k in np.flatnonzero(near).tolist() if text[first + k].isalpha()]
        taking = [pair for pair in letters if _composed(text[pair[1]], ACCENTS[accent])]
        if taking and min(taking)[0] < min(letters)[0] + 0.25 * run.size:
            place = min(taking)[1]
            text[place] = _composed(text[place], ACCENTS[accent])
            gone.add(run.start)
    return "".join(text), [run for run in page.runs if run.start not in gone]


class _Open:
    """A line that is being put together."""

    __slots__ = ("base", "runs", "size", "x0", "x1", "y0", "y1")

    def __init__(self, run: Run) -> None:
        self.runs = [run]
        self.x0, self.x1, self.base, self.size = run.x0, run.x1, run.base, run.size
        self.y0, self.y1 = run.y0, run.y1

    def takes(self, run: Run) -> bool:
        """Whether a run goes on with this line: beside it, at its height, and not too far off."""
        big = max(self.size, run.size)
        gap = run.x0 - self.x1
        if not -20 * big < gap < 40 * big:
            return False
        if abs(run.base - self.base) < 0.12 * big:
            return -0.6 * big < gap and (gap < 3 * big or 0.8 * run.size < self.size < 1.25 * run.size)
        overlap = min(self.y1, run.y1) - max(self.y0, run.y0)
        last = self.runs[-1]
        back = last.x1 - last.x0 + 0.2 * big if last.size < 0.9 * self.size else 0.3 * big  # an index below another
        return overlap > 0.45 * min(self.y1 - self.y0, run.y1 - run.y0) and -back < gap < 0.6 * big

    def resumes(self, run: Run) -> bool:
        """Whether a run goes on with this line after something that was drawn above or below it."""
        return abs(run.base - self.base) < 0.12 * self.size and -0.3 * self.size < run.x0 - self.x1 < self.size

    def add(self, run: Run) -> None:
        self.runs.append(run)
        self.x1 = max(self.x1, run.x1)
        if run.size > 1.1 * self.size:
            self.base, self.size, self.y0, self.y1 = run.base, run.size, run.y0, run.y1


def _continued(opened: Sequence[_Open]) -> list[_Open]:
    """Join what turns out, once its base is known, to go on with the line before."""
    lines: list[_Open] = []
    for line in opened:
        last = lines[-1] if lines else None
        if last and abs(line.base - last.base) < 0.12 * last.size and -last.size < line.x0 - last.x1 < 2 * last.size:
            last.runs += line.runs
            last.x1 = max(last.x1, line.x1)
        else:
            lines.append(line)
    return lines


def _line(number: int, source: str, order: Integers, runs: Sequence[Run]) -> Line:
    return _plain(number, source, order, runs[0]) if len(runs) == 1 else _mixed(number, source, order, runs)


def _plain(number: int, source: str, order: Integers, run: Run) -> Line:
    """A line of one run, as most are."""
    text, index = source[run.start : run.end], order[run.start : run.end]
    if not (text.isascii() and text.isprintable()) and _ODD.search(text):
        text, index = _normal(text, index)
    cells = ((run.x0, run.x1, len(text)),)
    return Line(
        number, text, index, run.x0, run.y0, run.x1, run.y1, run.base, run.size,
        float(run.bold), float(run.math), cells, False, run.bold, float(run.styled),
    )  # fmt: skip


def _mixed(number: int, source: str, order: Integers, runs: Sequence[Run]) -> Line:
    """A line of several runs: with spaces between them, and marks before exponents."""
    main = max(runs, key=lambda run: (run.end - run.start) * run.size)
    size, raise_from = main.size, main.base + 0.2 * main.size
    parts: list[str] = []
    index: list[Integers] = []
    ends: list[tuple[float, float, int]] = []
    begun = right = runs[0].x0
    length = before = total = bold = math = styled = 0
    raised = False
    for run in runs:
        start, end = run.start, run.end
        gap = run.x0 - right
        joint = ""
        if gap > _GAP * size:
            ends.append((begun, right, length))
            begun, joint = run.x0, "\t"
        elif gap > 0.16 * size or (gap > 0.05 * size and " " in source[before:start]):
            joint = " "
        was, raised = raised, run.base > raise_from and run.size < 0.85 * size
        if (
            raised
            and not was
            and parts
            and not joint
            and _POWER.search(parts[-1])
            and source[start:end] not in _ORDINAL
        ):
            joint = "^"
        if joint and parts:
            parts.append(joint)
            index.append(JOINED)
            length += 1
        parts.append(source[start:end])
        index.append(order[start:end])
        length += end - start
        total += end - start
        if run.bold:
            bold += end - start
        if run.math:
            math += end - start
        if run.styled:
            styled += end - start
        right = max(right, run.x1)
        before = end
    ends.append((begun, right, length))
    text, places = "".join(parts), np.concatenate(index)
    if _ODD.search(text):
        text, places = _normal(text, places)
        ends = _moved(ends, text)
    if text.isupper():  # small capitals: the first letter has the size of the font
        size = max(run.size for run in runs if abs(run.base - main.base) < 0.1 * size)
    opening = runs[0]
    return Line(
        number, text, places,
        min([run.x0 for run in runs]), min([run.y0 for run in runs]), right, max([run.y1 for run in runs]),
        main.base, size, bold / total, math / total, tuple(ends),
        opening.size < 0.85 * main.size and opening.base > main.base + 0.15 * main.size,
        opening.bold, styled / total,
    )  # fmt: skip


JOINED: Integers = np.array([-1])
_ORDINAL = frozenset(("th", "st", "nd", "rd"))
_POWER = re.compile(r"\d$|(?:^|[^\w])[^\W\d_]$")  # after a number or a variable, a raised sign is an exponent


def _moved(cells: list[tuple[float, float, int]], text: str) -> list[tuple[float, float, int]]:
    """Cells whose ends are found again in the normalised text: they are where its tabs are."""
    ends = [*(k for k, char in enumerate(text) if char == "\t"), len(text)]
    return [(x0, x1, end) for (x0, x1, _), end in zip(cells, ends, strict=False)]


def _normal(text: str, places: Integers) -> tuple[str, Integers]:
    """Resolve ligatures, put accents on their letters, and leave out what is no character."""
    text = text.replace(HYPHEN, "-")
    if not _ODD.search(text):
        return text, places
    out: list[str] = []
    index: list[int] = []
    accent = ""
    rows = places.tolist()
    for k, char in enumerate(text):
        place = rows[k]
        if char in ACCENTS:
            following = text[k + 1 : k + 2]
            if out and _composed(out[-1], ACCENTS[char]) and not (following and _composed(following, ACCENTS[char])):
                out[-1] = _composed(out[-1], ACCENTS[char])
                continue
            if following and _composed(following, ACCENTS[char]):
                accent = ACCENTS[char]
                continue
        if accent:
            char, accent = _composed(char, accent) or char, ""  # noqa: PLW2901 — the letter that the accent is on
        if unicodedata.combining(char) and out and _composed(out[-1], char):
            out[-1] = _composed(out[-1], char)
            continue
        if char < " " and char != "\t":
            continue
        if "\U0001d400" <= char <= "\U0001d7ff" or char in "  \xa0":
            char = unicodedata.normalize("NFKC", char)  # noqa: PLW2901 — letters of formulas, spaces
        for one in _LIGATURES.get(char, char):
            out.append(one)
            index.append(place)
    return "".join(out), np.array(index, np.int64)


def _composed(letter: str, accent: str) -> str:
    """A letter with an accent as one character, or nothing when there is none."""
    letter = {"ı": "i", "ȷ": "j"}.get(letter, letter)
    both = unicodedata.normalize("NFC", letter + accent)
    return both if len(both) == 1 and letter.isalpha() and both < "\u0180" else ""


_FEW, _MANY = 3, 8  # numbers in a margin: so many that are without a gap, or so many that may have gaps


def _margin_numbers(source: str, runs: Sequence[Run]) -> frozenset[int]:
    """Which runs are the line numbers that submissions carry in their margins."""
    numbers = {
        k: int(text)
        for k, run in enumerate(runs)
        if run.end - run.start <= 4 and (text := source[run.start : run.end]).isascii() and text.isdigit()
    }
    if len(numbers) < _FEW:
        return frozenset()
    wide = [run for k, run in enumerate(runs) if k not in numbers and run.end - run.start > 12]
    if not wide:
        return frozenset()
    lefts, rights = sorted(run.x0 for run in wide), sorted(run.x1 for run in wide)
    left, right = lefts[len(lefts) // 20], rights[-1 - len(rights) // 20]
    found: list[int] = []
    for side in (
        [k for k in numbers if runs[k].x1 < left - 2],
        [k for k in numbers if runs[k].x0 > right + 2],
    ):
        side.sort(key=lambda k: -runs[k].base)
        steps = [numbers[b] - numbers[a] for a, b in pairwise(side)]
        counted = sum(step in (1, 5) for step in steps)
        if len(side) >= _FEW and counted >= (0.8 if len(side) >= _MANY else 1) * len(steps):
            found += side
    return frozenset(id(runs[k]) for k in found)


def _parted(lines: list[Line]) -> list[Line]:
    """Part lines that are two columns drawn side by side: many lines whose two cells both hold prose."""
    both = [line for line in lines if len(line.cells) == 2 and _prosaic(line)]
    if len(both) < 8:
        return lines
    edge = sorted(line.cells[1][0] for line in both)[len(both) // 2]
    out: list[Line] = []
    for line in lines:
        cut = next((k for k, cell in enumerate(line.cells[1:], 1) if abs(cell[0] - edge) < 3 * line.size), None)
        out += [line] if cut is None else _cut(line, cut)
    return out


def _prosaic(line: Line) -> bool:
    at = line.cells[0][2]
    return min(len(_WORD.findall(line.text[:at])), len(_WORD.findall(line.text[at:]))) >= 3


def _cut(line: Line, cell: int) -> Iterable[Line]:
    at = line.cells[cell - 1][2]
    for cells, text, index in (
        (line.cells[:cell], line.text[:at], line.index[:at]),
        (line.cells[cell:], line.text[at + 1 :], line.index[at + 1 :]),
    ):
        moved = tuple((x0, x1, place - (0 if text == line.text[:at] else at + 1)) for x0, x1, place in cells)
        yield Line(
            line.page, text, index, cells[0][0], line.y0, cells[-1][1], line.y1,
            line.base, line.size, line.bold, line.math, moved, styled=line.styled,
        )  # fmt: skip
