"""The characters of a page with their boxes, out of pdfium. The only importer of pypdfium2 for text.

A page has some 3,700 characters, and asking pdfium about one of them through ctypes costs a third of a microsecond or
more. So the text of a page is taken in one call, boxes are asked for the first and the last character of a word and
shared out between them, and what characters have in common — font, size, direction — is asked for once a run.
"""

from __future__ import annotations

import ctypes
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count as count_from
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from pypdfium2 import raw

from indexer.errors import SourceError

Integers: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]
Rectangle: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 in points."""

MAX_CHARACTERS = 200_000
"""A page with more characters than this is read up to here."""

HYPHEN = "\ufffe"
"""What pdfium says for a hyphen at the end of a line."""

ACCENTS = {
    "´": "\u0301", "`": "\u0300", "¨": "\u0308", "ˆ": "\u0302", "˜": "\u0303", "¯": "\u0304", "˘": "\u0306",
    "˙": "\u0307", "˚": "\u030a", "˝": "\u030b", "ˇ": "\u030c", "¸": "\u0327", "˛": "\u0328",
}  # fmt: skip
"""Accents that stand for themselves, and what they are on a letter."""

_ACCENT, _HYPHEN = 2, 3  # what is a word of its own, and what ends one; 0 is white space, 1 anything else
_KIND = np.ones(0x10000, np.uint8)
_KIND[[*range(0x21), *range(0x7F, 0xA1), 0xAD, 0x1680, *range(0x2000, 0x2010), *range(0x2028, 0x2030)]] = 0
_KIND[[0x205F, 0x3000, 0xFEFF, 0xFFFF]] = 0
_KIND[[ord(accent) for accent in ACCENTS]] = _ACCENT
_KIND[ord(HYPHEN)] = _HYPHEN
_WIDTH = np.full(0x250, 5.0)  # common widths of letters, in tenths of the size of the font
for _letters, _width in (("iljtfI.,;:'!|()[]", 3.0), ("mwMW@%", 8.0), ("ABCDEGHKNOQRUVXY&", 7.0), ("rsJ-", 4.0)):
    _WIDTH[[ord(letter) for letter in _letters]] = _width
_LABEL = 25  # characters: longer runs are no labels
_NEAR = 0.3  # points
_PICTURES = frozenset({raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM, raw.FPDF_PAGEOBJ_SHADING})
_OBJECTS = 20_000  # of a page with more drawings than this, the rest is not looked at
_NAME = 48
_BOLD = re.compile(rb"bold|black|heavy|demi|medi\b|^(?:[A-Z]{6}\+)?(?:cm|sf)b|-B\b", re.IGNORECASE)
_STYLED = re.compile(rb"ital|obli|slant|smallcap|csc\d|(?:cm|sf)(?:ti|sl)\d|-(?:It|Sl|SC)\b", re.IGNORECASE)
_MATH = re.compile(
    rb"^(?:[A-Z]{6}\+)?(?:CMMI|CMSY|CMEX|CMBSY|MSAM|MSBM|EUFM|EUSM|rsfs|txsy|txmi|pxsy|pxmi)|math|symbol", re.IGNORECASE
)


class Run(NamedTuple):  # made four times as fast as a frozen dataclass, 150 times a page
    """Characters that follow one another on one line in one font.

    `start` and `end` are their places in the page's text. `x0`, `y0`, `x1`, `y1` are the box around them and `base` is
    the height of the line they stand on, in the frame in which most text of the page is upright; `size` is that of the
    font, in points. `bold`, `math` and `styled` (italics, small capitals) tell what the name of the font says, and
    `turned` that they are not upright in that frame.
    """

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    size: float
    bold: bool
    math: bool
    turned: bool
    styled: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number (from 1), its text, the boxes of its characters (n, 4), and its runs.

    `boxes` are x0, y0, x1, y1 as in the PDF. `frame`, the visible part of the page, and `drawings`, the pictures and
    embedded figures on it, are in the frame of the runs.
    """

    number: int
    text: str
    boxes: NDArray[np.float32]
    runs: tuple[Run, ...]
    frame: Rectangle
    drawings: tuple[Rectangle, ...]


_all = deque[int](maxlen=0).extend  # runs through an iterator, in C

Words: TypeAlias = tuple[Integers, Integers, NDArray[np.float32], NDArray[np.float32]]
"""Where words start and end in the text, the boxes around them (n, 4), and the way from first to last letter (n, 2)."""


def _prototype(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A function of pdfium that takes addresses as numbers and keeps the interpreter's lock: half the cost."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    prototype: Callable[..., Any] = ctypes.PYFUNCTYPE(result, *arguments)(address)
    return prototype


_INT, _ADDRESS, _LONG = ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong
_get_text = _prototype(raw.FPDFText_GetText, _INT, _ADDRESS, _INT, _INT, _ADDRESS)
_get_index = _prototype(raw.FPDFText_GetTextIndexFromCharIndex, _INT, _ADDRESS, _INT)
_get_box = _prototype(raw.FPDFText_GetLooseCharBox, _INT, _ADDRESS, _INT, _ADDRESS)
_get_matrix = _prototype(raw.FPDFText_GetMatrix, _INT, _ADDRESS, _INT, _ADDRESS)
_get_size = _prototype(raw.FPDFText_GetFontSize, ctypes.c_double, _ADDRESS, _INT)
_get_font = _prototype(raw.FPDFText_GetFontInfo, _LONG, _ADDRESS, _INT, _ADDRESS, _LONG, _ADDRESS)
_get_object = _prototype(raw.FPDFPage_GetObject, _ADDRESS, _ADDRESS, _INT)
_get_type = _prototype(raw.FPDFPageObj_GetType, _INT, _ADDRESS)
_get_bounds = _prototype(raw.FPDFPageObj_GetBounds, _INT, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS)


@contextmanager
def opened(data: bytes) -> Iterator[pdfium.PdfDocument]:
    """Open a PDF, with the empty password if it is encrypted; raise SourceError when that cannot be."""
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise SourceError(_reason(data, getattr(error, "err_code", None))) from None
    try:
        yield document
    finally:
        document.close()


def _reason(data: bytes, code: int | None) -> str:
    head = data[:1024].lstrip()
    if not data:
        return "an empty file; fetch or copy it again"
    if head.startswith(b"version https://git-lfs"):
        return "a git-LFS pointer, not the PDF itself; run `git lfs pull`"
    if head[:1] == b"<" and b"%PDF-" not in head:
        return "a web page (HTML) with the name of a PDF; download the PDF itself"
    if code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
        return "encrypted with a password; save a copy without one"
    if b"%PDF-" not in head:
        return "not a PDF, whatever its name says; remove or replace it"
    if b"%%EOF" not in data[-2048:]:
        return "a damaged PDF, cut off before its end; fetch or copy it again"
    return "a PDF that is damaged beyond repair; fetch or copy it again"


def outline(document: pdfium.PdfDocument, most: int = 2000) -> list[tuple[int, str]]:
    """The entries of the PDF's own table of contents: level (from 1) and title."""
    entries: list[tuple[int, str]] = []
    for bookmark in document.get_toc(max_depth=6):
        if len(entries) == most:
            break
        entries.append((bookmark.level + 1, bookmark.get_title().strip()))
    return entries


def read(document: pdfium.PdfDocument, number: int) -> Page:
    """Read page `number` (from 1); one that pdfium cannot load comes back empty."""
    page = raw.FPDF_LoadPage(document, number - 1)
    text_page = raw.FPDFText_LoadPage(page) if page else None
    try:
        return _page(number, page, text_page) if page and text_page else Page(number, "", _NOTHING, (), _NOWHERE, ())
    finally:
        if text_page:
            raw.FPDFText_ClosePage(text_page)
        if page:
            raw.FPDF_ClosePage(page)


_NOTHING = np.zeros((0, 4), np.float32)
_NOWHERE = (0.0, 0.0, 0.0, 0.0)


def _page(number: int, page: Any, text_page: Any) -> Page:
    handle = ctypes.cast(text_page, ctypes.c_void_p).value
    count = min(max(raw.FPDFText_CountChars(text_page), 0), MAX_CHARACTERS)
    codes = _codes(handle, count)
    text = codes.tobytes().decode("utf-32-le", "replace")
    overturned = _overturned(handle, codes, 90 * raw.FPDFPage_GetRotation(page))
    words = _words(handle, codes, whole=not overturned)
    runs, quarter = _runs(handle, codes, words, whole=not overturned)
    if overturned:  # pdfium has what is shown on its head in another order
        line = np.cumsum((codes == 0x0A) | (codes == 0x0D))
        runs = tuple(sorted(runs, key=lambda run: (line[run.start], run.x0)))
    visible = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page, visible)
    frame = _turned(np.array([(visible.left, visible.bottom, visible.right, visible.top)]), quarter)[0].tolist()
    return Page(number, text, _spread(codes, words), runs, (*frame,), _drawings(page, quarter))


def _codes(handle: int | None, count: int) -> Codes:
    """The Unicode number of each character, 0 for those that have none."""
    buffer = np.zeros(count + 1, np.uint16)
    if _get_text(handle, 0, count, buffer.ctypes.data) == count + 1:
        codes = buffer[:count].astype("<i4")
    else:  # characters without a number are not in the text: halve until a part has none
        codes = np.zeros(count, "<i4")
        parts = [(0, count)]
        while parts:
            start, end = parts.pop()
            first, last = _get_index(handle, start), _get_index(handle, end - 1)
            if last - first == end - 1 - start and first >= 0:
                codes[start:end] = buffer[first : last + 1]
            elif end - start > 1:
                parts += ((start, (start + end) // 2), ((start + end) // 2, end))
    codes[codes == 0x88] = 0x2022  # TeX's bullet in fonts that do not say what their characters are
    if ((codes >= 0xD800) & (codes != ord(HYPHEN))).any():
        _mend(codes)
    return codes


def _mend(codes: Codes) -> None:
    """Join the halves of wide characters, and drop what has a number but no meaning."""
    high = np.flatnonzero((codes[:-1] & ~0x3FF == 0xD800) & (codes[1:] & ~0x3FF == 0xDC00))
    codes[high] = 0x10000 + ((codes[high] & 0x3FF) << 10) + (codes[high + 1] & 0x3FF)
    codes[high + 1] = 0
    codes[np.isin(codes, (0xF06C, 0xF06E, 0xF0A7, 0xF0B7))] = 0x2022  # bullets of Symbol and Wingdings
    private = (codes >= 0xE000) & (codes < 0xF900)  # pieces of large brackets, fonts without a map
    codes[private | (codes & ~0x7FF == 0xD800) | (codes > 0x10FFFF)] = 0


def _words(handle: int | None, codes: Codes, *, whole: bool) -> Words:
    """Cut the text into words.

    Only the first and the last character of a word are asked for their boxes. Where these differ in height, something
    is raised or lowered, and each character becomes a word of its own, as all do unless `whole` words are wanted.
    """
    kind = np.zeros(len(codes) + 2, np.uint8)
    kind[1:-1] = _KIND[np.minimum(codes, 0xFFFF)]
    here, before, after = kind[1:-1], kind[:-2], kind[2:]
    starts = np.flatnonzero((here > 0) & ((before != 1) | (here == _ACCENT)))
    stops = np.flatnonzero((here > 0) & ((here != 1) | (after == 0) | (after == _ACCENT))) + 1
    first = _boxes(handle, starts)
    last, longer = first.copy(), stops - starts > 1
    last[longer] = _boxes(handle, stops[longer] - 1)
    apart = np.abs(last - first)
    level = (apart[:, 1] < _NEAR) & (apart[:, 3] < 2 * _NEAR)
    upright = (apart[:, 0] < _NEAR) & (apart[:, 2] < 2 * _NEAR)  # a turned word: its letters stand above one another
    same = (level | upright) & whole
    if not same.all():
        mixed = np.concatenate([np.arange(a, b) for a, b in zip(starts[~same], stops[~same], strict=True)])
        single = _boxes(handle, mixed)
        starts, stops = np.concatenate((starts[same], mixed)), np.concatenate((stops[same], mixed + 1))
        first, last = np.concatenate((first[same], single)), np.concatenate((last[same], single))
        order = np.argsort(starts)
        starts, stops, first, last = starts[order], stops[order], first[order], last[order]
    around = np.minimum(first, last)
    around[:, 2:] = np.maximum(first, last)[:, 2:]
    return starts, stops, around, (last - first)[:, :2]


def _boxes(handle: int | None, places: Integers) -> NDArray[np.float32]:
    """The boxes (n, 4) of single characters: x0, y0, x1, y1."""
    boxes = np.zeros((len(places), 4), np.float32)
    address = boxes.ctypes.data
    _all(map(_get_box, repeat(handle), places.tolist(), range(address, address + boxes.nbytes, 16)))
    return boxes[:, [0, 3, 2, 1]]  # pdfium writes left, top, right, bottom


def _spread(codes: Codes, words: Words) -> NDArray[np.float32]:
    """A box for every character (n, 4): words are shared out by how wide letters commonly are; 0 for white space."""
    boxes = np.zeros((len(codes), 4), np.float32)
    starts, stops, around, ways = words
    if not len(starts):
        return boxes
    lengths = stops - starts
    offsets = np.cumsum(lengths) - lengths
    places = np.arange(lengths.sum()) + np.repeat(starts - offsets, lengths)
    widths = _WIDTH[np.minimum(codes[places], len(_WIDTH) - 1)]
    totals = np.add.reduceat(widths, offsets)
    ends = np.cumsum(widths) - np.repeat(np.cumsum(totals) - totals, lengths)
    totals = np.repeat(totals, lengths)
    first, last = (ends - widths) / totals, ends / totals
    vertical = np.abs(ways[:, 1]) > np.abs(ways[:, 0])
    if (backwards := np.where(vertical, ways[:, 1], ways[:, 0]) < 0).any():
        turn = np.repeat(backwards, lengths)
        first, last = np.where(turn, 1 - last, first), np.where(turn, 1 - first, last)
    box = np.repeat(around, lengths, axis=0)
    wide, high = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    shared = box.copy()
    shared[:, 0], shared[:, 2] = box[:, 0] + first * wide, box[:, 0] + last * wide
    if vertical.any():
        upright = np.repeat(vertical, lengths)
        tall = box.copy()
        tall[:, 1], tall[:, 3] = box[:, 1] + first * high, box[:, 1] + last * high
        shared[upright] = tall[upright]
    boxes[places] = shared
    return boxes


def _runs(handle: int | None, codes: Codes, words: Words, *, whole: bool) -> tuple[tuple[Run, ...], int]:
    """Join words into runs where `whole` ones are wanted, and tell by how many quarters most of the text is turned."""
    starts, stops, around, _ = words
    if not len(starts):
        return (), 0
    x0, y0, x1, y1 = around.T
    height = np.minimum(y1 - y0, x1 - x0)[:-1]
    ends = np.cumsum((codes == 0x0A) | (codes == 0x0D))[starts]
    apart = np.abs(np.diff(around, axis=0))
    level = (
        (apart[:, 1] < _NEAR) & (apart[:, 3] < 2 * _NEAR) & (x0[1:] - x1[:-1] < height) & (x1[1:] > x0[:-1] - height)
    )
    upright = (apart[:, 0] < _NEAR) & (apart[:, 2] < 2 * _NEAR)
    kind = _KIND[np.minimum(codes[stops - 1], 0xFFFF)]
    cut = (ends[1:] != ends[:-1]) | (kind[:-1] > 1) | (kind[1:] == _ACCENT) | ~(level | upright) | (not whole)
    first = np.concatenate(([0], np.flatnonzero(cut) + 1))
    last = np.concatenate((first[1:], [len(starts)])) - 1
    count, places = len(first), starts[first].tolist()

    matrices = np.zeros((count, 6), np.float32)
    at = matrices.ctypes.data
    _all(map(_get_matrix, repeat(handle), places, range(at, at + matrices.nbytes, 24)))
    styles = [_style(name) for name in _fonts(handle, places)]
    # a heading may run on into plain words of the same height
    bold = [k for k, (is_bold, *_) in enumerate(styles) if is_bold]
    for k, name in zip(bold, _fonts(handle, starts[last[bold]].tolist()), strict=True):
        styles[k] = (_style(name)[0], *styles[k][1:])
    bolds, maths, styled = zip(*styles, strict=True)
    sizes = np.fromiter(map(_get_size, repeat(handle), places), np.float64, count)
    sizes *= np.hypot(matrices[:, 2], matrices[:, 3])
    quarters = np.round(np.arctan2(matrices[:, 1], matrices[:, 0]) / (np.pi / 2)).astype(np.int64) % 4
    lengths = stops[last] - starts[first]
    lengths[lengths > _LABEL] *= 20  # sentences tell more than the labels of a figure
    quarter = int(np.bincount(quarters, lengths, 4).argmax())

    box = np.minimum.reduceat(around, first)
    box[:, 2:] = np.maximum.reduceat(around, first)[:, 2:]
    base = _turned(matrices[:, [4, 5, 4, 5]], quarter)[:, 1]  # where the text begins, and so where its line is
    rows = zip(
        places,
        stops[last].tolist(),
        *_turned(box, quarter).T.tolist(),
        base.tolist(),
        sizes.tolist(),
        bolds,
        maths,
        (quarters != quarter).tolist(),
        styled,
        strict=True,
    )
    return tuple(map(Run._make, rows)), quarter


def _overturned(handle: int | None, codes: Codes, rotation: int) -> bool:
    """Whether most characters are shown on their heads, to judge by some of them."""
    matrix = np.zeros(6, np.float32)
    turned = 0
    ink = np.flatnonzero(codes > 0x20)
    for n in (some := ink[:: max(1, len(ink) // 5)].tolist()):
        _get_matrix(handle, n, matrix.ctypes.data)
        turned += abs((np.degrees(np.arctan2(matrix[1], matrix[0])) - rotation) % 360 - 180) < 45
    return turned * 2 > len(some)


def _fonts(handle: int | None, places: list[int]) -> list[bytes]:
    """The names of the fonts of characters, as far as 48 bytes hold them."""
    names = bytearray(_NAME * len(places))
    at = ctypes.addressof(ctypes.c_char.from_buffer(names)) if names else 0
    _all(map(_get_font, repeat(handle), places, count_from(at, _NAME), repeat(_NAME), repeat(None)))
    return [bytes(names[k : k + _NAME]).partition(b"\0")[0] for k in range(0, len(names), _NAME)]


@lru_cache(maxsize=4096)
def _style(name: bytes) -> tuple[bool, bool, bool]:
    """Whether a font calls itself bold, whether one for formulas, and whether one of italics or small capitals."""
    return bool(_BOLD.search(name)), bool(_MATH.search(name)), bool(_STYLED.search(name))


def _turned(boxes: NDArray[Any], quarter: int) -> NDArray[Any]:
    """Boxes (n, 4) of the page in the frame in which text turned by `quarter` quarters is upright."""
    x0, y0, x1, y1 = boxes.T
    columns = ((x0, y0, x1, y1), (y0, -x1, y1, -x0), (-x1, -y1, -x0, -y0), (-y1, x0, -y0, x1))[quarter]
    return np.stack(columns, axis=1)


def _drawings(page: Any, quarter: int) -> tuple[Rectangle, ...]:
    """The boxes of pictures and of embedded figures of a page; not of lines and shapes, which tables have too."""
    handle = ctypes.cast(page, ctypes.c_void_p).value
    count = min(raw.FPDFPage_CountObjects(page), _OBJECTS)
    objects = list(map(_get_object, repeat(handle), range(count)))
    kinds = list(map(_get_type, objects))
    chosen = [one for one, kind in zip(objects, kinds, strict=True) if kind in _PICTURES]
    bounds = np.zeros((len(chosen), 4), np.float32)
    for k, one in enumerate(chosen):
        at = bounds.ctypes.data + 16 * k
        _get_bounds(one, at, at + 4, at + 8, at + 12)
    return tuple((b[0], b[1], b[2], b[3]) for b in _turned(bounds, quarter).tolist())
