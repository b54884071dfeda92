"""A page of a PDF as a picture, and where on that picture a box lies.

Both are for hostile files too: call them through `indexer.reader.Reader`, which runs them in a process of its own.
Only there is pdfium loaded; a `PageGeometry` can do without.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from indexer.errors import SourceError
from indexer.rooted import Rooted, opened_itself
from indexer.types import Box

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

TALLEST = 4
"""How many times as high as wide a picture may be; a longer page is drawn narrower than was asked for."""


@dataclass(frozen=True, slots=True)
class PageGeometry:
    """A page as it is shown, cropped and turned: its size in points, and how points of the PDF lie on it.

    `matrix` is (a, b, c, d, e, f), as PDF writes it: the point (x, y) of `Places` is shown at
    (ax + cy + e, bx + dy + f), in fractions of the width and height from the upper left corner.
    """

    width: float
    height: float
    matrix: tuple[float, float, float, float, float, float]

    def place(self, box: Box) -> tuple[float, float, float, float]:
        """Left, top, width and height of a box, as fractions of the picture; what lies outside it is cut off."""
        a, b, c, d, e, f = self.matrix
        left, right = sorted(_fraction(a * x + c * y + e) for x, y in ((box.x0, box.y0), (box.x1, box.y1)))
        top, bottom = sorted(_fraction(b * x + d * y + f) for x, y in ((box.x0, box.y0), (box.x1, box.y1)))
        return left, top, right - left, bottom - top


def draw(file: bytes | Rooted, page: int, *, width: int = 1000) -> bytes:
    """Draw a page (from 1) as a person sees it, annotations and forms included: a PNG, `width` pixels wide.

    Raise SourceError when the file cannot be opened or has no such page.
    """
    with _opened(file, page) as shown:
        across, down = shown.get_size()
        # pypdfium2 rounds up to whole pixels; a little less keeps rounding errors from adding one.
        scale = min((width - 0.001) / across, (TALLEST * width - 0.001) / down)
        picture = io.BytesIO()
        shown.render(scale=scale, rev_byteorder=True).to_pil().save(picture, "PNG")
        return picture.getvalue()


def geometry(file: bytes | Rooted, page: int) -> PageGeometry:
    """Measure a page (from 1); raise SourceError when the file cannot be opened or has no such page."""
    from pypdfium2 import PdfPosConv

    with _opened(file, page) as shown:
        # Asked of a picture of one pixel, pdfium says which points of the page its corners are.
        corner = PdfPosConv(shown, (0, 0, 1, 1, 0)).to_page
        (x, y), right, down = corner(0, 0), corner(1, 0), corner(0, 1)
        a, c = _unit(right[0] - x, right[1] - y)
        b, d = _unit(down[0] - x, down[1] - y)
        matrix = (a, b, c, d, 0.0 - a * x - c * y, 0.0 - b * x - d * y)
        return PageGeometry(shown.get_width(), shown.get_height(), matrix)


@contextmanager
def _opened(file: bytes | Rooted, page: int) -> Iterator[PdfPage]:
    """A page of a PDF, forms filled in, open for the length of the block."""
    from pypdfium2 import PdfDocument, PdfiumError, raw

    unopened = {
        raw.FPDF_ERR_FILE: "its file cannot be read; make it readable",
        raw.FPDF_ERR_FORMAT: "it is no PDF, or damaged; fetch or copy it again",
        raw.FPDF_ERR_PASSWORD: "it is encrypted, and asks for a password; save a copy without one",
        raw.FPDF_ERR_SECURITY: "it is encrypted in a way that is not known; save a copy that is not",
    }
    with ExitStack() as stack:
        try:
            data: bytes | IO[bytes]
            if isinstance(file, Rooted):
                descriptor = stack.enter_context(opened_itself(*file)).descriptor
                data = stack.enter_context(os.fdopen(descriptor, "rb", closefd=False))
            else:
                data = file
            document = PdfDocument(data)
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}; check the file and the disk") from error
        except PdfiumError as error:
            reason = unopened.get(error.err_code, "it cannot be opened; fetch or copy it again")
            raise SourceError(f"cannot be drawn: {reason}") from error
        yield from _page(document, page)


def _page(document: PdfDocument, page: int) -> Iterator[PdfPage]:
    """Yield a page of a PDF, and close the PDF; raise SourceError where there is no such page."""
    from pypdfium2 import PdfiumError

    try:
        document.init_forms()
        pages = len(document)
        if not 1 <= page <= pages:
            raise SourceError(f"there is no page {page}; it has {pages}")
        shown = document[page - 1]
        if not (shown.get_width() > 0 and shown.get_height() > 0):
            raise SourceError(f"page {page} cannot be drawn: it has no size; open the PDF itself")
        yield shown
    except PdfiumError as error:
        raise SourceError(f"page {page} cannot be drawn: it is damaged; fetch or copy the PDF again") from error
    finally:
        document.close()


def _unit(x: float, y: float) -> tuple[float, float]:
    """The vector that gives 1 for (x, y), and 0 for what is across it."""
    square = x * x + y * y
    return x / square, y / square


def _fraction(value: float) -> float:
    return min(max(value, 0.0), 1.0)
